"""TensorFlow Serving as the configurator reaches it: its client, the configs it is sent, and what it was told.

No model's history is judged here: `configurator.versions` does. It imports `events` and `service`, and nothing else
of the configurator.
"""
