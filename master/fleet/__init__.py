"""What is known of the fleet: reports and signs of life become one state, out of which every page is drawn.

`watcher` hears NATS, `state` keeps, `queries` answers; the rest is pure. Nothing here changes anything.
"""
