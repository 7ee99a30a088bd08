"""The master's HTTP API, `/v1/…`: one file a noun; `app.py` puts them together."""
