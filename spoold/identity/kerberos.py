"""People who sign in with Kerberos tickets: which realm's, at which endpoint, and whose account that is."""

import enum
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from spoold.database.engine import Database
from spoold.identity.provider import Account
from spoold.identity.tickets import Ticket, TicketReader
from spoold.model.errors import NotAuthenticated, SpoolError
from spoold.model.principal import Method, Principal
from spoold.records import audit
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

# One text whether the realm is not listed, nobody has an account of that name, or it is closed.
NO_ACCOUNT = "Your Kerberos ticket is good, but it opens no account here. Ask an administrator."
# A person of a realm: one part, nothing escaped. "ana/admin" and "host/..." are not people.
_PERSON = re.compile(r"([^/@\\\x00-\x1f\x7f]{1,255})@([A-Za-z0-9.-]{1,253})")
# Computers of an Active Directory sign in, too.
_MACHINE = "$"
# Refusals of one kind from one address are recorded once in this time; metrics count them all.
_QUIET_S = 60.0
_MAX_QUIET = 4_096


class Endpoint(enum.StrEnum):
    """Where people sign in; each has its own schemes."""

    PORTAL = "portal"
    API = "api"
    IPP = "ipp"


@dataclass(frozen=True, slots=True)
class Proof:
    """Somebody who showed a ticket.

    Args:
        reply: the token that proves the service to the client; may be empty.
    """

    principal: Principal
    reply: bytes = field(repr=False)


class People(Protocol):
    """The part of `spoold.identity.authenticator.Identity` that knows accounts."""

    async def lookup(self, name: str, *, provider: str | None = None) -> Account | None:
        """Return the account of this name, of this provider; None when there is none, or it is closed."""
        ...

    async def admit(self, account: Account, *, method: Method, peer: str) -> Principal:
        """Take somebody in who was proven."""
        ...


class Kerberos:
    """Turns tickets into principals, one by one: each request stands alone.

    Args:
        realms: by realm the provider that has the accounts of its people.
        endpoints: where tickets count.
    """

    def __init__(
        self,
        reader: TicketReader,
        people: People,
        *,
        realms: Mapping[str, str],
        endpoints: Collection[str],
        database: Database,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._reader = reader
        self._people = people
        self._realms = dict(realms)
        self._endpoints = frozenset(Endpoint(one) for one in endpoints)
        self._database = database
        self._clock = clock
        self._metrics = metrics
        # (address, why) of refusals that were recorded, and until when more of them are not.
        self._quiet: OrderedDict[tuple[str, str], float] = OrderedDict()

    def offered_at(self, endpoint: Endpoint) -> bool:
        """Tell whether tickets count at an endpoint."""
        return endpoint in self._endpoints

    async def prove(self, endpoint: Endpoint, token: bytes, *, peer: str) -> Proof:
        """Find out whose ticket this is, and take that person in.

        Args:
            token: a SPNEGO or Kerberos token, read from a request to this endpoint.
            peer: numeric address of the client.

        Raises:
            NotAuthenticated: tickets are not taken here (and the token was not looked at), the token is
                wrong, or it is nobody's whom we know.
            Busy, Unavailable: not decided.
        """
        if not self.offered_at(endpoint):
            raise NotAuthenticated("Kerberos tickets are not taken here.")
        try:
            ticket = await self._reader.read(token)
        except NotAuthenticated as error:
            await self._refused(peer, str(error.fields.get("why", "wrong-ticket")))
            raise
        account = await self._account(ticket, peer)
        try:
            principal = await self._people.admit(account, method=Method.KERBEROS, peer=peer)
        except NotAuthenticated:
            await self._refused(peer, "closed", account)
            raise NotAuthenticated(NO_ACCOUNT) from None
        return Proof(principal, ticket.reply)

    async def _account(self, ticket: Ticket, peer: str) -> Account:
        person = _PERSON.fullmatch(ticket.principal)
        if person is None or person[1].endswith(_MACHINE):
            await self._refused(peer, "no-person")
            raise NotAuthenticated(NO_ACCOUNT)
        provider = self._realms.get(person[2])
        if provider is None:
            await self._refused(peer, "realm-not-listed")
            raise NotAuthenticated(NO_ACCOUNT)
        try:
            account = await self._people.lookup(person[1], provider=provider)
        except SpoolError:
            self._metrics.sign_in("unavailable")
            raise
        if account is None or account.provider != provider:
            await self._refused(peer, "no-account")
            raise NotAuthenticated(NO_ACCOUNT)
        return account

    async def _refused(self, peer: str, why: str, account: Account | None = None) -> None:
        """Write down a refusal: the first of its kind from an address, and once a minute while they go on.

        Tickets are not guessed, so nobody is locked out; but whoever has none could fill the records.
        """
        self._metrics.sign_in("rejected")
        now = self._clock.monotonic_s()
        if self._quiet.get((peer, why), now) > now:
            return
        self._quiet[peer, why] = now + _QUIET_S
        self._quiet.move_to_end((peer, why))
        while len(self._quiet) > _MAX_QUIET:
            self._quiet.popitem(last=False)
        await self._database.write(
            lambda connection: audit.append(
                connection,
                at=self._clock.now(),
                kind="sign-in-failed",
                actor=f"unproven:{peer}",
                user=None if account is None else account.id,
                method=Method.KERBEROS.value,
                why=why,
            )
        )
