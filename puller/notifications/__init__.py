"""Pub/Sub: the node's subscription, what a message means, and the hints that the next pass takes.

A hint says where to look and decides nothing. It imports `events` and `service`, and nothing else of the puller.
"""
