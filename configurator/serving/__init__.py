"""TensorFlow Serving as the configurator reaches it: its client, configs, reloads, and what it holds.

No model's history is judged here: `configurator.versions` does. It imports `events` and `service`, and nothing else
of the configurator.
"""
