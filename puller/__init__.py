"""The puller brings versions from the bucket to the node's disk; it alone adds versions there.

Reading order: `app.py` (wiring), `reconcile.py` (one pass), `survey.py` (what the pass looks at), `plan.py` and
`changes.py` (the decision), `status.py` (what is said of it). The rooms: `notifications`, `bucket`, `disk`,
`download`, `exchange`; each one's first lines say what lives there and what it may import.
"""
