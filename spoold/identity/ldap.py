"""One conversation with a directory over LDAP: encrypted, verified, bounded; nothing else knows ldap3.

What ldap3 does unasked is switched off here: it verifies no certificate, follows referrals with the
password in hand, waits for ever, chooses anonymous binds by itself, and asks for the schema first.
"""

import contextlib
import socket
import ssl
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

with warnings.catch_warnings():
    # ldap3 uses names of pyasn1 that have newer ones; both still work, and ldap3 will not change.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import LDAPException
    from ldap3.core.results import RESULT_CODES
    from ldap3.utils.dn import escape_rdn

from spoold.identity.trouble import Trouble, trouble_of, trouble_of_code

# RFC 4511 4.1.9.
SUCCESS, SIZE_LIMIT, NO_SUCH_OBJECT = 0, 4, 32
NO_SUCH_ATTRIBUTE, INSUFFICIENT_ACCESS = 16, 50
# OpenLDAP's ldap.h: LDAP_CONTROL_NOOP and its answer (draft-zeilenga-ldap-noop), which ldap3 does not know.
_NO_OP, NO_OPERATION = "1.3.6.1.4.1.4203.666.5.2", 0x410E
RESULT_CODES.setdefault(NO_OPERATION, "noOperation")
# The directory's no to a name and password: invalidCredentials, and what directories say of closed accounts
# (constraintViolation, noSuchObject, invalidDNSyntax, insufficientAccessRights, unwillingToPerform).
REFUSALS = frozenset({49, 19, 32, 34, 50, 53})


class ServerFailed(Exception):  # noqa: N818 - what happened
    """This server cannot be asked; another one may. The message is for the log and names no person.

    Args:
        trouble: what an administrator has to look at, where that can be told.
    """

    def __init__(self, message: str, trouble: Trouble = Trouble.TOLD) -> None:
        super().__init__(message)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class LdapServer:
    """Where a directory listens.

    Args:
        implicit_tls: "ldaps"; else StartTLS is said before anything else.
    """

    host: str
    port: int
    implicit_tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.implicit_tls else 'ldap'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a search found; attribute names are lower-case."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]

    def texts(self, name: str) -> list[str]:
        """Return the values of an attribute that are UTF-8."""
        found = []
        for value in self.attributes.get(name.lower(), ()):
            with contextlib.suppress(UnicodeDecodeError):
                found.append(value.decode())
        return found

    def text(self, name: str) -> str:
        """Return the first value, empty when there is none."""
        return next(iter(self.texts(name)), "")

    def octets(self, name: str) -> bytes:
        """Return the first value as it is, empty when there is none."""
        return next(iter(self.attributes.get(name.lower(), ())), b"")


@dataclass(frozen=True, slots=True)
class Answer:
    """The directory's answer to a bind: result code (RFC 4511 4.1.9) and its own words, for the log."""

    code: int
    message: str


class LdapConversation:
    """One connection, used by one thread at a time, for one question.

    Args:
        context: verifies the certificate and the host name.
        timeout_s: for the connection, and for each answer.
    """

    def __init__(self, server: LdapServer, context: ssl.SSLContext, timeout_s: float) -> None:
        self._connection = ldap3.Connection(
            _OneServer(
                server.host,
                port=server.port,
                use_ssl=server.implicit_tls,
                tls=_VerifiedTls(context),
                get_info=ldap3.NONE,
                allowed_referral_hosts=[],
            ),
            client_strategy=ldap3.SAFE_SYNC,
            auto_bind=ldap3.AUTO_BIND_NONE,
            auto_referrals=False,
            check_names=False,
            raise_exceptions=False,
        )
        self._connection.strategy._open_socket = self._dial
        self._server = server
        self._context = context
        self._timeout_s = timeout_s
        self._aborted = False
        self._not_connected: OSError | None = None

    def __enter__(self) -> Self:
        """Connect and encrypt; nothing is sent before the certificate is known to be right."""
        try:
            with _failures():
                self._connection.open(read_server_info=False)
                if not self._server.implicit_tls:
                    self._connection.start_tls(read_server_info=False)
                if self._aborted or not isinstance(self._connection.socket, ssl.SSLSocket):
                    raise ServerFailed("the connection is not encrypted")
        except ServerFailed as error:
            self._close()
            if self._not_connected is not None:
                raise ServerFailed(str(error), trouble_of(self._not_connected)) from None
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def is_aborted(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._aborted

    def abort(self) -> None:
        """End it from another thread: whoever waits for an answer gets an error."""
        self._aborted = True
        with contextlib.suppress(AttributeError, OSError):
            self._connection.socket.shutdown(socket.SHUT_RDWR)

    def bind(self, name: str, password: bytes) -> Answer:
        """Show a name and password (RFC 4513 5.1.3), the password as it is.

        Raises:
            ValueError: one of them is empty: the directory would say yes to anybody (RFC 4513 5.1.2).
            ServerFailed: the answer is neither yes nor no.
        """
        if not name.strip() or not password:
            raise ValueError("a bind needs a name and a password")
        with _failures():
            _, result, _, _ = self._connection.rebind(
                user=name, password=password, authentication=ldap3.SIMPLE, read_server_info=False
            )
        code = int(result["result"])
        if code != SUCCESS and code not in REFUSALS:
            raise ServerFailed(
                f"the bind was answered with {result.get('description')}", trouble_of_code(code)
            )
        return Answer(code, str(result.get("message", "")))

    def who_am_i(self) -> str:
        """Return who we are to the directory (RFC 4532), such as "dn:uid=ana,..." or "u:LAB\\ana"."""
        with _failures():
            said = self._connection.extend.standard.who_am_i()
        return said if isinstance(said, str) else ""

    def search(
        self, base: str, query: str, attributes: Sequence[str], *, limit: int, only_base: bool = False
    ) -> list[Entry]:
        """Return what matches; referrals in the answer are passed over, never followed.

        Args:
            limit: entries wanted at most.

        Raises:
            ServerFailed: the answer is not whole, unless this limit is what cut it. A server's own limit may
                leave out the second person of a name, or a group whose members may not print.
        """
        with _failures():
            _, result, response, _ = self._connection.search(
                base,
                query,
                search_scope=ldap3.BASE if only_base else ldap3.SUBTREE,
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(attributes),
                size_limit=limit,
            )
            code = int(result["result"])
            if code not in {SUCCESS, SIZE_LIMIT}:
                raise ServerFailed(
                    f"the search was answered with {result.get('description')}", trouble_of_code(code)
                )
            found = [
                Entry(
                    str(one["dn"]),
                    {key.lower(): list(values) for key, values in one["raw_attributes"].items()},
                )
                for one in response or ()
                if one.get("type") == "searchResEntry"
            ]
            if code == SIZE_LIMIT and len(found) < limit:
                raise ServerFailed(f"the server lists {len(found)} of {limit} entries", Trouble.CUT_SHORT)
            return found

    def _dial(self, _address: object, use_ssl: bool, **_more: object) -> None:
        """Connect, in place of ldap3's own way, which leaves sockets open and waits in whole seconds."""
        try:
            plain = socket.create_connection((self._server.host, self._server.port), self._timeout_s)
            self._connection.socket = plain
            if use_ssl:
                self._connection.socket = self._context.wrap_socket(plain, server_hostname=self._server.host)
        except OSError as error:
            # ldap3 makes another error of its text, in which the number of what is wrong is lost.
            self._not_connected = error
            raise
        self._connection.closed = False

    def _close(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            self._connection.socket.close()

    def may_take_away(self, dn: str, attribute: str, value: str) -> bool | None:
        """Tell whether we may change an attribute, by taking a value away that it does not have.

        Nothing can change by that. None when the answer tells nothing.
        """
        with _failures():
            _, result, _, _ = self._connection.modify(dn, {attribute: [(ldap3.MODIFY_DELETE, [value])]})
        return {NO_SUCH_ATTRIBUTE: True, INSUFFICIENT_ACCESS: False}.get(int(result["result"]))

    def may_add(self, dn: str) -> bool | None:
        """Tell whether we may add an entry, by asking for it under the No-Op control, which changes nothing.

        Servers that do not know that control refuse it (RFC 4511 4.1.11). None when the answer tells nothing.
        """
        name = dn.partition(",")[0].partition("=")[2]
        with _failures():
            _, result, _, _ = self._connection.add(
                dn, ["person"], {"cn": name, "sn": name}, controls=[(_NO_OP, True, None)]
            )
            code = int(result["result"])
            if code == SUCCESS:
                # No server that keeps to the standard comes here.
                self._connection.delete(dn)
        return {SUCCESS: True, NO_OPERATION: True, INSUFFICIENT_ACCESS: False}.get(code)


class _OneServer(ldap3.Server):  # type: ignore[misc]
    """A server whose addresses are nobody's business but `_dial`'s."""

    def candidate_addresses(self) -> list[tuple[object, ...]]:
        return [("dialled", "", "", "", (self.host, self.port), None, None)]

    def update_availability(self, address: object, available: object) -> None:
        """Keep no account: `LdapServers` does."""


class _VerifiedTls(ldap3.Tls):  # type: ignore[misc]
    """Our own context in place of the one that ldap3 would make."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host, do_handshake_on_connect=do_handshake
        )


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Make one kind of error of everything that a server, or what pretends to be one, can do."""
    try:
        yield
    except ServerFailed:
        raise
    except Exception as error:  # noqa: BLE001 - the connection's edge: garbage makes decoders raise anything
        raise ServerFailed(_words(error), trouble_of(error)) from None


def _words(error: Exception) -> str:
    """Return what the log says: the text of network errors only, others may quote what was sent."""
    if isinstance(error, OSError) or (isinstance(error, LDAPException) and "Socket" in type(error).__name__):
        return f"{type(error).__name__}: {error}"
    if type(error).__name__ in {"LDAPStartTLSError", "LDAPCertificateError"}:
        return f"{type(error).__name__}: {error}"
    return type(error).__name__


def escaped(value: str | bytes) -> str:
    """Return a value as it may stand in a search filter: all but letters and digits escaped (RFC 4515 3)."""
    octets = value.encode() if isinstance(value, str) else value
    return "".join(
        chr(octet) if octet < 0x80 and chr(octet).isalnum() else f"\\{octet:02x}" for octet in octets
    )


def in_dn(value: str) -> str:
    """Return a value as it may stand in a distinguished name (RFC 4514 2.4)."""
    return str(escape_rdn(value))
