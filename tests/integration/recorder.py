"""A TCP proxy that keeps every byte a client sends, may stop in the middle, and reads IPP out of it."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from protocols.ipp.decoder import decode
from protocols.ipp.message import Message
from protocols.limits import IppLimits

_PIECE_BYTES = 65536
STEP_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class IppRequest:
    """A request as it was on the wire: its attributes, and the document behind them."""

    message: Message
    document: bytes


class Recorder:
    """Forwards connections to a loopback port and records what clients send.

    `hold_after` stops the direction to the server once that many bytes of one connection went through;
    `held` says that it happened, `go` lets everything pass again.

    Args:
        target_port: where the server listens.
        instead: bytes in the server's answers, and as many others that clients get for them.
    """

    def __init__(self, target_port: int, *, instead: tuple[bytes, bytes] | None = None) -> None:
        self._target = target_port
        self._instead = instead
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listening.getsockname()[1]
        self.hold_after: int | None = None
        self.held = threading.Event()
        self.go = threading.Event()
        self._streams: list[bytearray] = []
        self._sockets: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def sent(self) -> bytes:
        """Everything that clients sent, one connection after the other."""
        return b"".join(bytes(stream) for stream in self._streams)

    def requests(self) -> list[IppRequest]:
        """Return the complete IPP requests, by connection."""
        return [one for stream in list(self._streams) for one in _ipp_requests(bytes(stream))]

    def documents(self) -> list[bytes]:
        """Return the documents in the requests, by connection."""
        return [request.document for request in self.requests() if request.document]

    def hold(self, after_bytes: int) -> None:
        """Stop the next connection that sends more than this, until `go` is set."""
        self.held.clear()
        self.go.clear()
        self.hold_after = after_bytes

    def wait_held(self) -> None:
        """Wait until a connection was stopped."""
        assert self.held.wait(STEP_TIMEOUT_S), "nothing came that far"

    def close(self) -> None:
        """End all connections."""
        self.go.set()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            # The server is gone: the client must see that, as it would without us.
            client.close()
            return
        self._sockets += [client, server]
        stream = bytearray()
        self._streams.append(stream)
        threading.Thread(target=self._forward, args=(client, server, stream), daemon=True).start()
        threading.Thread(target=self._forward, args=(server, client, None), daemon=True).start()

    def _forward(self, source: socket.socket, to: socket.socket, stream: bytearray | None) -> None:
        try:
            while piece := source.recv(_PIECE_BYTES):
                if stream is not None:
                    stream += piece
                    self._maybe_hold(len(stream))
                elif self._instead is not None:
                    piece = piece.replace(*self._instead)
                to.sendall(piece)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            # One side has broken off: so must the other.
            for one in (source, to):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def _maybe_hold(self, sent_bytes: int) -> None:
        if self.hold_after is not None and sent_bytes > self.hold_after:
            self.held.set()
            self.go.wait(STEP_TIMEOUT_S)
            self.hold_after = None


def wait_until(condition: Callable[[], object], what: str, *, timeout_s: float = STEP_TIMEOUT_S) -> None:
    """Poll a real process until it has come so far; the message says what did not happen."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s:g} s"
        time.sleep(0.02)


def _ipp_requests(stream: bytes) -> Iterator[IppRequest]:
    """Read the HTTP requests of one connection (RFC 9112); what is incomplete at its end is left out."""
    while stream:
        head, found, stream = stream.partition(b"\r\n\r\n")
        if not found:
            return
        fields = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
        }
        if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            body, stream, whole = _chunked(stream)
        else:
            size = int(fields.get(b"content-length", b"0"))
            body, stream, whole = stream[:size], stream[size:], len(stream) >= size
        if whole and fields.get(b"content-type") == b"application/ipp":
            message, consumed = decode(body, IppLimits())
            yield IppRequest(message, body[consumed:])


def _chunked(stream: bytes) -> tuple[bytes, bytes, bool]:
    """Return a chunked body, what follows it, and whether it is whole (RFC 9112 7.1; no trailers here)."""
    body = b""
    while True:
        line, found, stream = stream.partition(b"\r\n")
        if not found:
            return body, b"", False
        size = int(line, 16)
        body += stream[:size]
        if len(stream) < size + 2:
            return body, b"", False
        stream = stream[size + 2 :]
        if size == 0:
            return body, stream, True
