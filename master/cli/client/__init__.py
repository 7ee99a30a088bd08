"""The master's HTTP API as the command calls it: requests, errors in words, server-sent events."""
