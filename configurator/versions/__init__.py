"""The versions on disk: their health, quarantine, the confirmed ones, retention and removal.

It imports `configurator.serving` and the values of a pass (`view`, `activity`), never the pass itself.
"""
