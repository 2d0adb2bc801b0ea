"""spoold: a secure print spooler; documents are sealed on arrival and released by their owners."""

__version__ = "0.1.0"
