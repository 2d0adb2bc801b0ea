"""The only composition root: configuration in, running daemon out. No registry, no global state."""
