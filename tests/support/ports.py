"""Ports for servers that cannot choose their own, picked so that nobody else is handed the same."""

import random
import socket
from pathlib import Path

# net.ipv4.ip_local_port_range: what the kernel gives to connections, and to whoever binds to port 0.
_HANDED_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _HIGHEST = 10_000, 65_535
_TRIES = 100


def free_port() -> int:
    """Return a loopback port that nobody listens on now, and that the kernel gives to nobody by itself.

    A port that was free when port 0 was bound is free for all until the server binds it: in a busy test run
    some connection, or another server, has it first.
    """
    first, last = (int(text) for text in _HANDED_OUT.read_text().split())
    kept_back = [port for port in range(_LOWEST, _HIGHEST + 1) if not first <= port <= last]
    assert kept_back, f"{_HANDED_OUT} leaves no port to choose"
    for port in random.choices(kept_back, k=_TRIES):
        with socket.socket() as probe:
            # What the servers set themselves: connections of an earlier one that are not forgotten yet.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError(f"none of {_TRIES} ports is free")
