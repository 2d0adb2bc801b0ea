"""The web door: the portal for people and the HTTP API for programs, over TLS only."""
