"""Byte streams over non-blocking sockets on trio; TLS is in `protocols.tls_streams`.

A stream belongs to one task. Only `stop_receiving` and `abort` may be called from another: they shut the
socket down, so that the owner wakes up and sees the end. That is how deadlines are enforced without a cancel
scope around every operation.
"""

import contextlib
import socket

import trio

from protocols.errors import RemoteProtocolError
from protocols.limits import KIB, MIB

# RFC 8446 5.1: ContentType handshake; no HTTP method, IPP version or LPR command begins with it.
TLS_FIRST_BYTE = 0x16

# After an early answer the client may still be sending; closing at once would send a reset that destroys
# the answer in its receive buffer. Two seconds is a round trip on any network people print over.
LINGER_TIMEOUT_S = 2.0
LINGER_MAX_BYTES = 64 * MIB
_DISCARD_BYTES = 256 * KIB


class DisconnectedError(RemoteProtocolError):
    """The peer is gone: reset, vanished, or broke TLS."""


class SocketStream:
    """What plain and TLS streams share. `receive_now`, `send_now` and `_close_notify` make the difference."""

    tls = False
    _socket: socket.socket

    @property
    def socket(self) -> socket.socket:
        """The socket, to wait for; reading and writing it is the stream's."""
        return self._socket

    @property
    def has_decrypted(self) -> bool:
        """Whether `receive_now` has something that the socket does not tell of."""
        return False

    async def wait_for_data(self) -> None:
        """Wait until `receive_now` is likely to have something."""
        await trio.lowlevel.wait_readable(self._socket)

    def receive_now(self, max_bytes: int) -> bytes | None:
        """Return what is there without waiting; b"" at the end; None when nothing is there.

        Raises:
            DisconnectedError: the connection was reset.
        """
        try:
            return self._socket.recv(max_bytes)
        except BlockingIOError:
            return None
        except OSError as error:
            raise DisconnectedError(f"connection lost: {error.strerror}") from error

    async def receive(self, max_bytes: int) -> bytes:
        """Wait for bytes and return up to `max_bytes` of them; b"" at the end. Lets other tasks run.

        Raises:
            DisconnectedError: the connection was reset, or TLS was broken.
        """
        data = self.receive_now(max_bytes)
        if data is not None:
            await trio.lowlevel.checkpoint()
            return data
        while True:
            await self.wait_for_data()
            data = self.receive_now(max_bytes)
            if data is not None:
                return data

    def send_now(self, data: bytes | memoryview) -> int:
        """Send what fits without waiting; return how many bytes that was.

        Raises:
            DisconnectedError: the connection was reset.
        """
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise DisconnectedError(f"connection lost: {error.strerror}") from error

    async def send_all(self, data: bytes | memoryview) -> None:
        """Send everything, waiting for the peer to take it. If it is cancelled, some may have been sent.

        Raises:
            DisconnectedError: the connection was reset, or TLS was broken.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                count = self.send_now(view[sent:])
                if not count:
                    await trio.lowlevel.wait_writable(self._socket)
                sent += count

    async def let_others_run(self) -> None:
        """Give up the processor once, for owners that find all their work in a buffer."""
        await trio.lowlevel.checkpoint()

    def stop_receiving(self) -> None:
        """From any task: what has not arrived yet is the end of the stream. The owner wakes up."""
        self._shutdown(socket.SHUT_RD)

    def abort(self) -> None:
        """From any task: end both directions. The owner wakes up."""
        self._shutdown(socket.SHUT_RDWR)

    async def finish(self) -> None:
        """Close so that what was sent arrives: stop sending, then discard what still comes, for a while."""
        self._close_notify()
        self._shutdown(socket.SHUT_WR)
        discarded = 0
        try:
            with trio.move_on_after(LINGER_TIMEOUT_S), contextlib.suppress(OSError):
                while discarded < LINGER_MAX_BYTES:
                    await trio.lowlevel.wait_readable(self._socket)
                    with contextlib.suppress(BlockingIOError):
                        # Whatever it is, nobody will read it: not even TLS.
                        received = len(self._socket.recv(_DISCARD_BYTES))
                        if not received:
                            break
                        discarded += received
        finally:
            self.close()

    def close(self) -> None:
        """Close at once. Idempotent."""
        if self._socket.fileno() >= 0:
            self._close_notify()
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()

    async def aclose(self) -> None:
        """Close at once, as an asynchronous resource."""
        self.close()
        await trio.lowlevel.checkpoint()

    def _close_notify(self) -> None:
        """Tell the peer that nothing more comes, where the protocol has words for it."""

    def _shutdown(self, how: int) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(how)


class PlainStream(SocketStream):
    """TCP (or any stream socket) as it is.

    Args:
        sock: connected; the stream takes it over.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            # Answers are written whole; waiting for more to send only waits for the peer's delayed ACK.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock

    async def begins_with_tls(self) -> bool:
        """Wait for the first byte and tell whether it begins a TLS handshake; the byte is left in place.

        The caller bounds the wait (a cancel scope, or `stop_receiving`).

        Raises:
            DisconnectedError: the peer left without a byte.
        """
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                first = self._socket.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                continue
            except OSError as error:
                raise DisconnectedError(f"connection lost: {error.strerror}") from error
            if not first:
                raise DisconnectedError("the peer sent nothing")
            return first[0] == TLS_FIRST_BYTE


async def is_tls(stream: PlainStream, *, timeout_s: float) -> bool:
    """Wait for the first byte of a new connection and tell whether it begins a TLS handshake.

    Raises:
        DisconnectedError: no byte came within `timeout_s`, or the peer left; the stream is closed.
    """
    try:
        with trio.fail_after(timeout_s):
            return await stream.begins_with_tls()
    except trio.TooSlowError:
        stream.close()
        raise DisconnectedError(f"no byte within {timeout_s:g} s") from None
    except BaseException:
        stream.close()
        raise


async def open_tcp(host: str, port: int, *, timeout_s: float) -> PlainStream:
    """Connect to `host`, trying its addresses as RFC 8305 says.

    Raises:
        DisconnectedError: refused, unreachable, unknown name or too slow.
    """
    try:
        with trio.fail_after(timeout_s):
            connected = (await trio.open_tcp_stream(host, port)).socket
    except trio.TooSlowError:
        raise DisconnectedError(f"no connection within {timeout_s:g} s") from None
    except OSError as error:
        raise DisconnectedError(f"no connection: {error}") from error
    return PlainStream(socket.socket(connected.family, connected.type, fileno=connected.detach()))
