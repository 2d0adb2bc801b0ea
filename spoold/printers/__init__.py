"""Printers: how they are, what they are told, and how they are told to stop."""
