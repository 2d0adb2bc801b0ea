"""Byte streams over non-blocking sockets on trio, plain and TLS, told apart by the first byte.

TLS runs on a non-blocking `ssl.SSLSocket`: OpenSSL reads and writes the socket itself, which moves 1.6 times
as many bytes as a memory BIO does, and costs half the memory.

A stream belongs to one task. Only `stop_receiving` and `abort` may be called from another: they shut the
socket down, so that the owner wakes up and sees the end. That is how deadlines are enforced without a cancel
scope around every operation.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable

import trio

from protocols.errors import RemoteProtocolError
from protocols.limits import KIB, MIB

# RFC 8446 5.1: ContentType handshake; no HTTP method, IPP version or LPR command begins with it.
TLS_FIRST_BYTE = 0x16

# After an early answer the client may still be sending; closing at once would send a reset that destroys
# the answer in its receive buffer. Two seconds is a round trip on any network people print over.
LINGER_TIMEOUT_S = 2.0
LINGER_MAX_BYTES = 64 * MIB
# OpenSSL hands out one record (16 KiB) per read, whatever the buffer.
_TLS_RECORD_BYTES = 16 * KIB
_DISCARD_BYTES = 256 * KIB

# Gives the context for the next connection, so that a certificate can be renewed while others are open.
TlsContextSource = Callable[[], ssl.SSLContext]


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
                        received = len(socket.socket.recv(self._socket, _DISCARD_BYTES))
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
        # Not SSLSocket.shutdown: that would drop the TLS layer while its owner still uses it.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, how)


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

    def start_tls(self, context: ssl.SSLContext, *, client_of: str | None = None) -> "TlsStream":
        """Hand the socket over to TLS; `handshake` comes next. This stream is finished.

        Args:
            context: from `protocols.tls`.
            client_of: None on the server's side; on the client's side the server's name or address, which
                is sent as SNI and verified if the context verifies names.

        Raises:
            DisconnectedError: the peer has gone meanwhile.
        """
        try:
            return TlsStream(
                context.wrap_socket(
                    self._socket,
                    server_side=client_of is None,
                    server_hostname=client_of,
                    do_handshake_on_connect=False,
                )
            )
        except (OSError, ValueError) as error:
            self._socket.close()
            raise DisconnectedError(f"connection lost: {error}") from error


class TlsStream(SocketStream):
    """TLS over a socket (`PlainStream.start_tls`); usable after `handshake`."""

    tls = True
    _socket: ssl.SSLSocket

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._socket = sock

    async def handshake(self) -> None:
        """Do the handshake. The caller bounds it (a cancel scope, or `stop_receiving`).

        Raises:
            DisconnectedError: the handshake failed, or the peer left.
        """
        while True:
            try:
                self._socket.do_handshake()
            except ssl.SSLWantReadError:
                await trio.lowlevel.wait_readable(self._socket)
            except ssl.SSLWantWriteError:
                await trio.lowlevel.wait_writable(self._socket)
            except (OSError, ValueError) as error:
                raise DisconnectedError(f"the TLS handshake failed: {error}") from error
            else:
                return

    @property
    def tls_version(self) -> str:
        """For example "TLSv1.3"."""
        return self._socket.version() or ""

    @property
    def peer_certificate(self) -> bytes | None:
        """The peer's leaf certificate as DER."""
        return self._socket.getpeercert(binary_form=True)

    @property
    def has_decrypted(self) -> bool:
        """See `SocketStream`."""
        return bool(self._socket.pending())

    async def wait_for_data(self) -> None:
        """See `SocketStream`."""
        if not self.has_decrypted:
            await trio.lowlevel.wait_readable(self._socket)

    def receive_now(self, max_bytes: int) -> bytes | None:
        """See `SocketStream`: gathers the records that are there.

        Raises:
            DisconnectedError: the connection was reset, or TLS was broken.
        """
        pieces: list[bytes] = []
        received = 0
        while received < max_bytes:
            try:
                piece = self._socket.recv(min(max_bytes - received, _TLS_RECORD_BYTES))
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except OSError as error:  # ssl.SSLError is one
                raise DisconnectedError(f"connection lost: {error.strerror}") from error
            if not piece and not pieces:
                return b""
            pieces.append(piece)
            received += len(piece)
            if len(piece) < _TLS_RECORD_BYTES:
                # Most likely the last record for now (or the end, which comes again with the next call).
                break
        return b"".join(pieces) if pieces else None

    def send_now(self, data: bytes | memoryview) -> int:
        """See `SocketStream`: at most one record.

        Raises:
            DisconnectedError: the connection was reset, or TLS was broken.
        """
        try:
            return self._socket.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            # Reading is wanted only by a handshake in mid-connection, which our contexts do not allow.
            return 0
        except OSError as error:
            raise DisconnectedError(f"connection lost: {error.strerror}") from error

    def _close_notify(self) -> None:
        # The peer's own close_notify is not waited for: it proves nothing that Content-Length did not.
        with contextlib.suppress(OSError, ValueError):
            self._socket.unwrap()


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


async def server_handshake(stream: PlainStream, context: ssl.SSLContext, *, timeout_s: float) -> TlsStream:
    """Do the server's side of a TLS handshake (`protocols.tls.server_context`); takes `stream` over.

    Raises:
        DisconnectedError: the handshake failed or took longer than `timeout_s`; the socket is closed.
    """
    return await _handshake(stream.start_tls(context), timeout_s=timeout_s)


async def client_handshake(
    stream: PlainStream, context: ssl.SSLContext, *, host: str, timeout_s: float
) -> TlsStream:
    """Do the client's side of a TLS handshake with `host`; takes `stream` over.

    Raises:
        DisconnectedError: the handshake failed (also: the certificate is not trusted) or took longer than
            `timeout_s`; the socket is closed.
    """
    return await _handshake(stream.start_tls(context, client_of=host), timeout_s=timeout_s)


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


async def fetch_leaf(host: str, port: int, *, timeout_s: float = 10.0) -> bytes:
    """Return the certificate (DER) that a TLS server at `host` shows, without believing it.

    Nothing but the handshake is sent. To trust it, compare its key with a pin (`protocols.tls`) and connect
    again with a context that accepts exactly this certificate.

    Raises:
        DisconnectedError: no connection, no TLS, or no certificate.
    """
    # Believing nothing is the point of this connection; no application byte is ever sent over it.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    plain = await open_tcp(host, port, timeout_s=timeout_s)
    stream = await client_handshake(plain, context, host=host, timeout_s=timeout_s)
    try:
        leaf = stream.peer_certificate
    finally:
        await stream.aclose()
    if not leaf:
        raise DisconnectedError("the peer showed no certificate")
    return leaf


async def _handshake(stream: TlsStream, *, timeout_s: float) -> TlsStream:
    try:
        with trio.fail_after(timeout_s):
            await stream.handshake()
    except trio.TooSlowError:
        stream.close()
        raise DisconnectedError(f"no TLS handshake within {timeout_s:g} s") from None
    except BaseException:
        stream.close()
        raise
    return stream
