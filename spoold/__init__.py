"""spoold: a secure print spooler; documents are sealed on arrival and released by their owners."""
