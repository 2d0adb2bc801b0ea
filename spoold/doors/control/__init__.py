"""The control socket: how the command line reaches the running daemon."""
