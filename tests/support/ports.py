"""Ports for servers that cannot choose their own, picked so that nobody else is handed the same."""

import random
import socket
from pathlib import Path

# net.ipv4.ip_local_port_range: what the kernel gives to connections, and to whoever binds to port 0.
_HANDED_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _HIGHEST = 10_000, 65_535
_TRIES = 100
# One for each port that was chosen here: other test processes see that it is taken before its server does.
_CLAIMS: list[int] = []


def free_port() -> int:
    """Return a loopback port that nobody listens on now, and that the kernel gives to nobody by itself.

    A port that was free when port 0 was bound is free for all until the server binds it: in a busy test run
    some connection, or another server, has it first.
    """
    first, last = (int(text) for text in _HANDED_OUT.read_text().split())
    kept_back = [port for port in range(_LOWEST, _HIGHEST + 1) if not first <= port <= last]
    assert kept_back, f"{_HANDED_OUT} leaves no port to choose"
    for port in random.sample(kept_back, k=min(_TRIES, len(kept_back))):
        if _is_free(port) and _is_claimed(port):
            return port
    raise AssertionError(f"none of {_TRIES} ports is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # What the servers set themselves: connections of an earlier one that are not forgotten yet.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _is_claimed(port: int) -> bool:
    """Take a port for this process, until it ends; tell whether nobody else had."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        # An abstract name (unix(7)): one bearer at a time, and gone with the process however that ends.
        claim.bind(f"\0spoold-tests-port-{port}")
    except OSError:
        claim.close()
        return False
    # Its descriptor stays open; nothing is done with it any more.
    _CLAIMS.append(claim.detach())
    return True
