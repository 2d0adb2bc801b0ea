"""HTTP/1.1 for printing: a strict reading of requests and a small trio server."""
