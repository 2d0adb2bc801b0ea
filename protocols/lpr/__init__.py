"""The Line Printer Daemon Protocol of RFC 1179, the receiving side."""
