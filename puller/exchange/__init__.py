"""The exchange: the nodes of one site fetch each byte of a version from the bucket once, and the rest from each other.

`cut`, `order` and `schedule` are pure. The package may import what the puller's other modules may.
"""
