"""Has TensorFlow Serving serve what is on disk and desired: plan -> reload -> confirm -> retention.

Reading order: `app.py` (wiring), `reconcile.py` (one pass), `observe.py`, `plan.py`, `sender.py`, `status.py`. The
rooms: `serving` (TensorFlow Serving itself) and `versions` (their health, quarantine, retention and removal).
"""
