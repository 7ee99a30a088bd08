"""What happened: the event stream read newest first or live, a version's timeline, and events in words.

It only reads. It imports no other room of the master but the wording of `master.fleet`.
"""
