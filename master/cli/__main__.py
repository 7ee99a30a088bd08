"""`python -m master.cli` is `model-manager` where nothing is installed."""

from master.cli.main import main

if __name__ == "__main__":
    main()
