"""Many connections that ask once and then say nothing: `python -m tests.integration.idlers PORT COUNT`.

A process of its own, for its descriptors and its memory. The request is on standard input, in hexadecimal, as
one line. Says "ready" once every connection has had its answer; at the next line it says how many of them are
still open, and ends.
"""

import resource
import socket
import sys

# What one client address may have open (protocols.limits.HttpLimits) is more than this.
PER_ADDRESS = 1000
TIMEOUT_S = 60.0
ANSWER_BYTES = 256 * 1024


def open_all(port: int, count: int, request: bytes) -> list[socket.socket]:
    """Connect from as many loopback addresses as it takes, and ask once on each connection."""
    connections = []
    for number in range(count):
        source = f"127.0.1.{1 + number // PER_ADDRESS}"
        connection = socket.create_connection(("127.0.0.1", port), TIMEOUT_S, (source, 0))
        connection.sendall(request)
        connections.append(connection)
    for connection in connections:
        answer = connection.recv(ANSWER_BYTES)
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"refused: {answer[:200]!r}")
    return connections


def is_open(connection: socket.socket) -> bool:
    """Take what is left of the answer; tell whether the server has closed."""
    connection.setblocking(False)
    try:
        while connection.recv(ANSWER_BYTES):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def main() -> None:
    """Open, say so, wait, count."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    request = bytes.fromhex(sys.stdin.readline())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = open_all(port, count, request)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(f"{sum(map(is_open, connections))}\n")


if __name__ == "__main__":
    main()
