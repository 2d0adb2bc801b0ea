"""Lets `python -m spoold` be the spoold command."""

from spoold.cli.main import main

if __name__ == "__main__":
    main()
