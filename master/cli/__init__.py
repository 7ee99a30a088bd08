"""The command `model-manager`: what operators and scripts do with a fleet, from a terminal.

It talks to the master's HTTP API, and for `publish`, `bootstrap` and `doctor` to Google Cloud, or to the emulators. A
file a noun; imports that cost time stand inside the command that needs them, because `status` shall feel instant.
"""
