"""Kerberos tickets: SPNEGO tokens checked with the service's keytab (RFC 4178, 4121).

Every token stands alone: nothing of it is remembered for the connection it came over, and a mechanism that
wants a longer exchange is refused. The system's Kerberos keeps the tokens it has seen (its replay cache), in
a file that outlives the daemon: the same token does not count twice.
"""

import stat
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol

import trio

from spoold.model.errors import Busy, ConfigurationError, NotAuthenticated

WRONG_TICKET = "Your Kerberos ticket was not accepted. Sign in with your user name and password."
MISSING = (
    "Kerberos is configured, but its library is not there. Install the Debian package python3-gssapi, "
    "or spoold with the extra: pip install 'spoold[kerberos]'."
)
# Checking one takes a millisecond or two of one processor, and a write to the replay cache.
WORKERS = 4
# As many as may wait; more is no office on Monday morning.
MAX_WAITING = 256
# Windows sends this when it has no ticket (NTLMSSP): not an attack, and never of use.
_NTLM = b"NTLMSSP\x00"
# What MIT krb5 says (lib/krb5/error_tables), as far as it helps whoever reads the records.
_SIGNS = (
    ("Request is a replay", "replayed"),
    ("Clock skew too great", "clock-skew"),
    ("expired", "expired"),
    ("not found in keytab", "other-service"),
    ("Invalid token", "malformed"),
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A token that was right.

    Args:
        principal: whose it is, such as "ana@EXAMPLE.ORG".
        reply: what proves the service to the client; may be empty.
    """

    principal: str
    reply: bytes = field(repr=False)


class TicketReader(Protocol):
    """What checks tokens."""

    async def read(self, token: bytes) -> Ticket:
        """Check a token.

        Raises:
            NotAuthenticated: it is wrong, old, seen before, for another service, or not Kerberos at all;
                `fields["why"]` says which.
            Busy: too many are waiting.
        """
        ...


class KeytabReader:
    """Checks tokens in threads, with the keys in a keytab; a renewed keytab counts at once.

    Args:
        keytab: the file.
        replay_cache: where tokens that were seen are remembered.
        service: the one principal whose key counts, None for all in the file.

    Raises:
        ConfigurationError: there is no gssapi, or the keytab has no key that could be used.
    """

    def __init__(self, keytab: Path, replay_cache: Path, service: str | None) -> None:
        self._gssapi = _gssapi()
        self._keytab = keytab
        self._service = service
        # "file2" is the format with a fixed size per token (MIT krb5, replay cache types).
        self._store = {"keytab": f"FILE:{keytab}", "rcache": f"file2:{replay_cache}"}
        self._limiter = trio.CapacityLimiter(WORKERS)
        self._waiting = 0
        try:
            self._credentials()
        except self._gssapi.exceptions.GSSError as error:
            wanted = f"the key of {service}" if service else "a key"
            raise ConfigurationError(
                f"The keytab {keytab} does not hold {wanted}: {_reason(error)}.", path=str(keytab)
            ) from error

    async def read(self, token: bytes) -> Ticket:
        """Check a token; errors as for `TicketReader`."""
        if self._waiting >= MAX_WAITING:
            raise Busy("Too many people are signing in at once. Try again in a moment.")
        if token.startswith(_NTLM):
            raise NotAuthenticated(WRONG_TICKET, why="ntlm")
        self._waiting += 1
        try:
            return await trio.to_thread.run_sync(self._accept, token, limiter=self._limiter)
        finally:
            self._waiting -= 1

    def _accept(self, token: bytes) -> Ticket:
        gssapi = self._gssapi
        try:
            context = gssapi.SecurityContext(creds=self._credentials(), usage="accept")
            reply = context.step(token)
            if not context.complete:
                raise NotAuthenticated(WRONG_TICKET, why="longer-exchange")
            return Ticket(str(context.initiator_name), reply or b"")
        except gssapi.exceptions.GSSError as error:
            # `from None`: the library's words may quote names out of the token.
            raise NotAuthenticated(WRONG_TICKET, why=_kind(error)) from None
        except UnicodeDecodeError:
            raise NotAuthenticated(WRONG_TICKET, why="name") from None

    def _credentials(self) -> object:
        gssapi = self._gssapi
        name = None
        if self._service is not None:
            name = gssapi.Name(self._service, gssapi.NameType.kerberos_principal)
        credentials = gssapi.Credentials(name=name, usage="accept", store=self._store)
        # Kerberos alone: of what else the system has, IAKERB would have us speak to a KDC for strangers.
        gssapi.raw.set_neg_mechs(credentials, [gssapi.MechType.kerberos])
        return credentials


def check_keytab(path: Path, *, credential: bool) -> None:
    """Refuse a keytab that is not there, or that others can read.

    Args:
        credential: systemd passed it, and guards it.

    Raises:
        ConfigurationError: with what to do.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigurationError(f"The keytab {path} cannot be used: {error.strerror}.") from error
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"The keytab {path} is not a file.")
    if not credential and status.st_mode & 0o077:
        raise ConfigurationError(f"The keytab {path} is open to others; close it: chmod 0600 {path}")


def _gssapi() -> ModuleType:
    try:
        import gssapi  # noqa: PLC0415 - loads the system's Kerberos: only where it is configured
        import gssapi.raw  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(MISSING) from error
    module: ModuleType = gssapi
    return module


def _kind(error: Exception) -> str:
    """Return why a token is wrong, as a stable word for the records; the library's numbers change."""
    text = str(error)
    return next((word for sign, word in _SIGNS if sign in text), "wrong-ticket")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
