"""Google Cloud from the side of those who set it up and fill it: `publish`, `bootstrap`, `doctor`, the embedded stack.

The master itself never talks to Google. Emulators are reached as Google's own clients reach them, at the addresses in
STORAGE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST.
"""
