"""A provider over LDAP for tests, and servers that are no directory: silent, rude, or too friendly."""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocols import tls
from spoold.database.engine import Database
from spoold.identity.ldap import LdapServer
from spoold.identity.ldap_directory import LdapDirectory
from spoold.identity.ldap_servers import LdapServers
from spoold.identity.ldap_settings import DirectorySettings
from spoold.identity.pass_through import PassThrough
from tests.support.authority import KeyPair
from tests.support.clock import FakeClock
from tests.support.slapd import BASE, READER, READER_PASSWORD

# What groups are called, and how a distinguished name may write it (RFC 4514 2.4): by characters, by octets.
ODD_GROUPS = {
    "Sales, North": ("Sales\\, North", "sales\\2C North"),
    "R+D": ("R\\+D", "r\\2bd"),
    "#1": ("\\#1", "\\231"),
    'say "hi"': ('say \\"hi\\"', "Say \\22hi\\22"),
    "\u00c9l\u00e8ves": ("\u00c9l\u00e8ves", "\\C3\\89l\\C3\\A8ves"),
}


def make_directory(
    database: Database,
    ca: Path | None,
    servers: Sequence[LdapServer],
    *,
    clock: FakeClock | None = None,
    failures: int = 1000,
    **settings: Any,
) -> LdapDirectory:
    """The provider "school" over these servers, as the composition root makes it."""
    used_clock = clock or FakeClock()
    chosen: dict[str, Any] = {
        "kind": "openldap",
        "base_dn": BASE,
        "bind_dn": READER,
        "bind_password": READER_PASSWORD,
        "user_filter": "(objectClass=person)",
        # Long: the machine may be busy with other tests. What a site has is `DirectorySettings`' own.
        "timeout_s": 120.0,
        **settings,
    }
    wanted = DirectorySettings(name="school", **chosen)
    asked = LdapServers(wanted, servers, tls.verified_context(ca), used_clock)
    budget = PassThrough(used_clock, failures=failures, window_s=1800)
    return LdapDirectory(wanted, asked, used_clock, budget, database)


# -- BER, as far as a server needs it (X.690 8.1)


def ber(tag: int, *contents: bytes) -> bytes:
    """An element of definite length."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def result(tag: int, code: int, *more: bytes) -> bytes:
    """An LDAPResult (RFC 4511 4.1.9) of an operation."""
    return ber(tag, ber(0x0A, bytes([code])), ber(0x04, b""), ber(0x04, b""), *more)


def entry(dn: str, **attributes: str | bytes) -> bytes:
    """A searchResEntry (RFC 4511 4.5.2)."""
    listed = [
        ber(
            0x30,
            ber(0x04, name.encode()),
            ber(0x31, ber(0x04, value if isinstance(value, bytes) else value.encode())),
        )
        for name, value in attributes.items()
    ]
    return ber(0x64, ber(0x04, dn.encode()), ber(0x30, *listed))


@dataclass
class FakeDirectory:
    """A server in a thread that does one thing, and keeps every byte that it is told.

    Args:
        manner: "silent" says nothing, "resets" hangs up with RST, "garbage" says what is no BER, "drips" says
            a message byte by byte for ever, "yes" says yes to everything and knows everybody, "hangs" does so
            and leaves binds unanswered but the reading account's, "plain" refuses StartTLS, "injects" says
            more than asked before TLS.
        pair: speaks TLS at once with this certificate; in clear without.
        who: what "yes" answers to "Who am I?".
        entries: what "yes" answers to a question with these octets in it.
    """

    manner: str
    pair: KeyPair | None = None
    who: bytes = b""
    entries: Mapping[bytes, bytes] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    received: bytearray = field(default_factory=bytearray)
    connections: int = 0
    _socket: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    @property
    def server(self) -> LdapServer:
        """As the configuration would name it."""
        return LdapServer("localhost", self.port, self.pair is not None)

    def run(self) -> None:
        """Serve until stopped, each connection in a thread."""
        while not self._stop.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._stop.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ssl.SSLError, IndexError), ExitStack() as stack:
            used: socket.socket = stack.enter_context(connection)
            if self.manner == "resets":
                used.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if self.pair is not None and self.manner != "silent":
                context = self.context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.pair.certificate, self.pair.key)
                used = stack.enter_context(context.wrap_socket(used, server_side=True))
            while not self._stop.is_set():
                data = used.recv(65_536)
                if not data:
                    return
                self.received += data
                self._answer(used, data)

    def _answer(self, connection: socket.socket, data: bytes) -> None:
        match self.manner:
            case "garbage":
                connection.sendall(b"\x30\x0c\x02\x01\x05\x7f\xff\xff\xff\xff\xff\xff\xff\xff")
            case "drips":
                connection.sendall(b"\x30\x84\x00\x00\xff\xff")
                while not self._stop.wait(0.2):
                    connection.sendall(b"\x00")
            case "plain" | "injects":
                number = _message_number(data)
                code = 0 if self.manner == "injects" else 2
                said = ber(0x30, ber(0x02, number), result(0x78, code))
                more = ber(0x30, ber(0x02, b"\x02"), result(0x61, 0)) if self.manner == "injects" else b""
                connection.sendall(said + more)
            case "yes" | "hangs":
                number = _message_number(data)
                for answer in self._friendly(data):
                    connection.sendall(ber(0x30, ber(0x02, number), answer))

    def _friendly(self, data: bytes) -> list[bytes]:
        operation = data[_operation_at(data)]
        if operation == 0x60:
            unanswered = self.manner == "hangs" and READER.encode() not in data
            return [] if unanswered else [result(0x61, 0)]
        if operation == 0x77:
            return [result(0x78, 0, ber(0x8B, self.who))]
        if operation == 0x63 and b"groupOfNames" in data:
            return [result(0x65, 0)]
        for asked, answer in self.entries.items():
            if operation == 0x63 and asked in data:
                return [answer, result(0x65, 0)]
        person = entry(
            f"uid=alice,ou=people,{BASE}",
            uid="alice",
            cn="Alice",
            entryUUID="11111111-2222-3333-4444-555555555555",
        )
        return [person, result(0x65, 0)] if operation == 0x63 else []


@contextmanager
def pretending(fake: FakeDirectory) -> Iterator[FakeDirectory]:
    """Run a fake server for a while."""
    thread = threading.Thread(target=fake.run, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.stop()
        thread.join(timeout=10)


def _header(data: bytes, at: int) -> int:
    """The length of an element's tag and length."""
    return 2 if data[at + 1] < 0x80 else 2 + (data[at + 1] & 0x7F)


def _message_number(data: bytes) -> bytes:
    at = _header(data, 0)
    return data[at + 2 : at + 2 + data[at + 1]]


def _operation_at(data: bytes) -> int:
    at = _header(data, 0)
    return at + 2 + data[at + 1]
