"""The embedded stack: every server a node needs, as child processes on loopback, under one supervisor.

`make demo`, `make up` and the tests' fixtures stand on it. Nothing here runs in production.
"""
