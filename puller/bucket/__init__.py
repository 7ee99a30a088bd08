"""The bucket, observed: its objects, the versions they make up, and whether each is whole.

Only `client` and `access` do I/O; the rest is pure. It imports `events`, `service` and nothing else of the puller
but `puller.backoff`.
"""
