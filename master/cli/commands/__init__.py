"""The subcommands of `model-manager`, one function each: what people type, and no more than that.

`master.cli.main` loads the one that was named. They import everything else of the command; nothing imports them.
"""
