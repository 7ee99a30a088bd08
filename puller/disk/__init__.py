"""The puller's side of the local disk: stage, checks, publication, leftovers, and what is on it.

The disk is the truth: nothing is kept in memory that cannot be read here again. It imports `events`, `service` and
`puller.bucket.objects`.
"""
