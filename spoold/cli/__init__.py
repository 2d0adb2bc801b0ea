"""One command: spoold. Commands that need the daemon reach it over its control socket."""
