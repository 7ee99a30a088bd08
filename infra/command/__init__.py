"""The command as a distribution of its own (docs/command.md)."""
