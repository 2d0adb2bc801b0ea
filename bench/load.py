"""The client of the bench for what is large or encrypted: uploads and TLS handshakes.

Started by `bench.run` as `python -m bench.load` with a JSON object on standard input (see `Load`); prints
what it measured as JSON. The same program talks to every server, over raw sockets. Small requests are
counted by `bench/client.c`; one of them at a time is asked through `Client` here.
"""

import base64
import json
import re
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

RECEIVE_BYTES = 256 * 1024
# A server that says nothing for this long has failed.
ANSWER_TIMEOUT_S = 60.0
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *([0-9]+)\r\n")
_INTERIM = b"HTTP/1.1 100 "
_FIRST_IPP_ERROR = 0x0100


@dataclass(frozen=True)
class Load:
    """What to do.

    Attributes:
        connections: threads that shake hands.
        request: all octets of one request, HTTP head included.
        seconds: how long hands are shaken.
        upload_bytes: further octets of the body, sent after `request` (one request, one connection).
        tls: whether to speak TLS from the first octet on (as localhost); whose certificate it is does not
            matter here.
    """

    host: str
    port: int
    connections: int
    request: bytes
    seconds: float = 0.0
    upload_bytes: int = 0
    tls: bool = False


class ServerFailedError(Exception):
    """The server refused a request, broke the connection or said nothing."""


class Client:
    """One connection; `answer` is the body of the last one."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection((host, port), timeout=ANSWER_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.sent_at = 0.0
        self.answer = b""
        self._received = b""
        self._last_bytes, self._last_head = 0, b""

    def send(self, request: bytes) -> None:
        """Send a request."""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what is there; return whether the answer is complete.

        Raises:
            ServerFailedError: it is not a successful IPP answer.
        """
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            raise ServerFailedError(f"no answer within {ANSWER_TIMEOUT_S:g} s") from None
        if not data:
            raise ServerFailedError("the server closed the connection")
        if len(data) == self._last_bytes and data.startswith(self._last_head) and not self._received:
            # As long as the last one and with the same status: the answer begins where that one did.
            self.answer = data[-len(self.answer) :]
            _check(data, self.answer)
            return True
        if self._received:
            data = self._received + data
        if data.startswith(_INTERIM):
            data = data.partition(b"\r\n\r\n")[2]
        head_end = data.find(b"\r\n\r\n")
        if head_end >= 0:
            length = _LENGTH.search(data, 0, head_end + 2)
            if length is None:
                raise ServerFailedError(f"no length in {data[:head_end]!r}")
            if len(data) >= head_end + 4 + int(length[1]):
                self._received = b""
                self.answer = data[head_end + 4 :]
                self._last_bytes, self._last_head = len(data), data[: data.find(b"\r\n")]
                _check(data, self.answer)
                return True
        self._received = data
        return False

    def ask(self, request: bytes) -> float:
        """Send a request and wait for the answer; return the seconds that took."""
        self.send(request)
        while not self.receive():
            pass
        return time.perf_counter() - self.sent_at


def _check(data: bytes, answer: bytes) -> None:
    # RFC 8010 3.1.1: two octets of version, then the status.
    status = int.from_bytes(answer[2:4])
    if not data.startswith(b"HTTP/1.1 200") or status >= _FIRST_IPP_ERROR:
        head = data[: data.find(b"\r\n")].decode("latin-1")
        raise ServerFailedError(f"refused: {head}, IPP status {status:#06x}: {answer[:200]!r}")


def run(load: Load) -> dict[str, Any]:
    """Upload, or shake hands; returns "seconds" in all and the "latencies_s" of each."""
    if load.upload_bytes:
        return _upload(load)
    return _handshakes(load)


def _upload(load: Load) -> dict[str, Any]:
    client = Client(load.host, load.port, _context() if load.tls else None)
    block = memoryview(bytes(range(256)) * 1024)
    began = time.perf_counter()
    client.send(load.request)
    left = load.upload_bytes
    while left:
        piece = block[: min(left, len(block))]
        client.socket.sendall(piece)
        left -= len(piece)
    while not client.receive():
        pass
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "latencies_s": [seconds]}


def _handshakes(load: Load) -> dict[str, Any]:
    """Connect again and again on as many threads as there are connections; OpenSSL lets the others run.

    Nothing is resumed: no session is ever offered. Each connection is closed without a request.
    """
    context = _context()
    latencies: list[float] = []
    failures: list[Exception] = []
    began = time.perf_counter()
    ends = began + load.seconds

    def connect() -> None:
        try:
            while (at := time.perf_counter()) < ends:
                Client(load.host, load.port, context).socket.close()
                latencies.append(time.perf_counter() - at)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=connect) for _ in range(load.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise ServerFailedError(f"no handshake: {failures[0]}")
    return {"seconds": time.perf_counter() - began, "latencies_s": latencies}


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def main() -> int:
    """Read the load from standard input, print the result."""
    fields = json.load(sys.stdin)
    fields["request"] = base64.b64decode(fields["request"])
    try:
        result = run(Load(**fields))
    except (ServerFailedError, OSError) as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    json.dump(result, sys.stdout)
    return 0 if "error" not in result else 1


if __name__ == "__main__":
    sys.exit(main())
