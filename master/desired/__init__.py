"""Desired state: changes as pure functions, what they will do, and the one way in which they are written.

It imports `master.fleet` and `master.history` to look before it writes; neither imports this.
"""
