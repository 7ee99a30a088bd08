"""The puller brings versions from the bucket to the node's disk; it alone adds versions there.

Reading order: `app.py` (wiring), `reconcile.py` (one pass), `plan.py` (the decision), then one file for each outside
thing: `subscription.py` (Pub/Sub), `bucket.py`, `transfer.py`, `disk.py`.
"""
