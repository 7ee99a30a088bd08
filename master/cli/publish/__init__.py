"""A version's way into the bucket: checked here, every file with its checksum, side by side, the manifest last.

The manifest is what makes a version complete, so nodes see the version whole or not at all, whenever an upload ends.
Used by `model-manager publish` and by the embedded stack.
"""
