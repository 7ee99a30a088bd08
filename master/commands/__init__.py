"""Commands: sent to the nodes over NATS, round it over HTTP where a node does not answer; and taken over NATS.

`poll` looks for nodes that stopped reporting. It imports `master.fleet` and the outline of the master in `reach`.
"""
