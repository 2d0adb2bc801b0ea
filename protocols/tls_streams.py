"""TLS over a non-blocking socket on trio, for both sides, and a look at a printer's certificate.

OpenSSL works on two memory buffers and we on the socket: one read takes in whatever is there, up to eight
records, where OpenSSL itself would read each record's head and body by itself. That is a quarter less
processor time for a large document, and fewer system calls for a handshake.
"""

import contextlib
import ssl
from collections.abc import Callable

import trio

from protocols.limits import KIB, MIB
from protocols.streams import DisconnectedError, PlainStream, SocketStream, open_tcp

# What is read from a socket at once, into buffers that all connections of the thread share. OpenSSL keeps as
# much, and a third more, for a connection that has sent as much at once, until it ends: more than this is no
# faster.
_RECEIVE_BYTES = 128 * KIB
# What is given out at once, from as many reads: every piece of a document is sealed by itself.
_OPENED_BYTES = 1 * MIB
# RFC 8446 5.2: a whole record has at most 16 KiB, 256 bytes and a head of 5.
_RECORD_BYTES = 17 * KIB
# Four records a send: what a socket takes at once anyway.
_SEND_BYTES = 64 * KIB
# Answers to key updates that the peer does not take; an honest peer never has more than some hundred bytes.
_MAX_UNSENT_BYTES = 2 * _SEND_BYTES

_SEALED = memoryview(bytearray(_RECEIVE_BYTES))
_CLEAR = memoryview(bytearray(_OPENED_BYTES))

# Gives the context for the next connection, so that a certificate can be renewed while others are open.
TlsContextSource = Callable[[], ssl.SSLContext]


class TlsStream(SocketStream):
    """TLS over a socket (`start_tls`); usable after `handshake`."""

    tls = True

    def __init__(self, plain: PlainStream, context: ssl.SSLContext, client_of: str | None) -> None:
        self._socket = plain.socket
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._engine = context.wrap_bio(
            self._incoming, self._outgoing, server_side=client_of is None, server_hostname=client_of
        )
        self._unsent = b""  # sealed, and not yet taken by the socket
        self._counted = 0  # octets of the owner's that it stands for
        self._may_have_more = False
        self._drained = False  # the last read of the socket took all there was
        self._ended = False

    async def handshake(self) -> None:
        """Do the handshake. The caller bounds it (a cancel scope, or `stop_receiving`).

        Raises:
            DisconnectedError: the handshake failed, or the peer left.
        """
        done = False
        while not done:
            try:
                self._engine.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            except (OSError, ValueError) as error:
                with contextlib.suppress(DisconnectedError):
                    self._flush()  # the alert that says why
                raise DisconnectedError(f"the TLS handshake failed: {error}") from error
            while not self._flush():
                await trio.lowlevel.wait_writable(self._socket)
            if not done and not self._fill():
                await trio.lowlevel.wait_readable(self._socket)
                self._fill()
        # The first request may have come together with the end of the handshake.
        self._may_have_more = self._incoming.pending > 0

    @property
    def tls_version(self) -> str:
        """For example "TLSv1.3"."""
        return self._engine.version() or ""

    @property
    def peer_certificate(self) -> bytes | None:
        """The peer's leaf certificate as DER."""
        return self._engine.getpeercert(binary_form=True)

    @property
    def has_decrypted(self) -> bool:
        """See `SocketStream`."""
        return self._may_have_more or self._ended

    async def wait_for_data(self) -> None:
        """See `SocketStream`."""
        if not self.has_decrypted:
            await trio.lowlevel.wait_readable(self._socket)

    def receive_now(self, max_bytes: int) -> bytes | None:
        """See `SocketStream`.

        Raises:
            DisconnectedError: the connection was reset, or TLS was broken.
        """
        room = min(max_bytes, len(_CLEAR))
        opened = 0
        while True:
            if self._may_have_more:
                opened = self._open(opened, room)
            if opened >= room or self._ended or (opened and self._drained) or not self._fill(room):
                break
            self._may_have_more = True
        if opened:
            return bytes(_CLEAR[:opened])
        return b"" if self._ended else None

    def send_now(self, data: bytes | memoryview) -> int:
        """See `SocketStream`. After less than everything was sent, the rest must come next and nothing else.

        Raises:
            DisconnectedError: the connection was reset, or TLS was broken.
        """
        if not self._flush():
            return 0
        if self._counted:
            counted, self._counted = self._counted, 0
            return counted
        try:
            written = self._engine.write(data if len(data) <= _SEND_BYTES else data[:_SEND_BYTES])
        except OSError as error:
            raise DisconnectedError(f"connection lost: {error.strerror}") from error
        if self._flush():
            return written
        self._counted = written
        return 0

    def _fill(self, max_bytes: int = _RECEIVE_BYTES) -> bool:
        """Take sealed bytes from the socket; return False if nothing is there."""
        room = min(max(max_bytes, _RECORD_BYTES), _RECEIVE_BYTES)
        try:
            received = self._socket.recv_into(_SEALED, room)
        except BlockingIOError:
            return False
        except OSError as error:
            raise DisconnectedError(f"connection lost: {error.strerror}") from error
        self._drained = received < room
        if received:
            self._incoming.write(_SEALED[:received])
        else:
            self._incoming.write_eof()
        return True

    def _open(self, opened: int, room: int) -> int:
        """Open the records that are there into the common buffer from `opened` on; return where they end."""
        try:
            while opened < room:
                count = self._engine.read(room - opened, _CLEAR[opened:room])
                if not count:
                    raise ssl.SSLZeroReturnError
                opened += int(count)
        except ssl.SSLWantReadError:
            self._may_have_more = False
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # With or without close_notify: it proves nothing that Content-Length did not.
            self._may_have_more = False
            self._ended = True
        except OSError as error:
            raise DisconnectedError(f"connection lost: {error.strerror}") from error
        if self._outgoing.pending and not self._flush() and len(self._unsent) > _MAX_UNSENT_BYTES:
            raise DisconnectedError("the peer takes nothing")
        return opened

    def _flush(self) -> bool:
        """Give the socket what was sealed; return whether it took all of it."""
        if self._outgoing.pending:
            self._unsent += self._outgoing.read()
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent)
            except BlockingIOError:
                return False
            except OSError as error:
                raise DisconnectedError(f"connection lost: {error.strerror}") from error
            self._unsent = self._unsent[sent:]
        return True

    def _close_notify(self) -> None:
        # The peer's own is not waited for. Half an answer must not be followed by a proper end.
        with contextlib.suppress(OSError, ValueError, DisconnectedError):
            if self._flush():
                with contextlib.suppress(ssl.SSLWantReadError):
                    self._engine.unwrap()
                self._flush()


def start_tls(plain: PlainStream, context: ssl.SSLContext, *, client_of: str | None = None) -> TlsStream:
    """Put TLS on a connection; `handshake` comes next. The plain stream is finished.

    Args:
        context: from `protocols.tls`.
        client_of: None on the server's side; on the client's side the server's name or address, which is
            sent as SNI and verified if the context verifies names.

    Raises:
        DisconnectedError: that cannot be a server's name; the socket is closed.
    """
    try:
        return TlsStream(plain, context, client_of)
    except (OSError, ValueError) as error:
        plain.close()
        raise DisconnectedError(f"no TLS: {error}") from error


async def server_handshake(stream: PlainStream, context: ssl.SSLContext, *, timeout_s: float) -> TlsStream:
    """Do the server's side of a TLS handshake (`protocols.tls.server_context`); takes `stream` over.

    Raises:
        DisconnectedError: the handshake failed or took longer than `timeout_s`; the socket is closed.
    """
    return await _handshake(start_tls(stream, context), timeout_s=timeout_s)


async def client_handshake(
    stream: PlainStream, context: ssl.SSLContext, *, host: str, timeout_s: float
) -> TlsStream:
    """Do the client's side of a TLS handshake with `host`; takes `stream` over.

    Raises:
        DisconnectedError: the handshake failed (also: the certificate is not trusted) or took longer than
            `timeout_s`; the socket is closed.
    """
    return await _handshake(start_tls(stream, context, client_of=host), timeout_s=timeout_s)


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
