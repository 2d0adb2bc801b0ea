"""People who sign in with Kerberos tickets: which realm's, at which endpoint, and whose account that is."""

import enum
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from spoold.database.engine import Database
from spoold.identity.provider import Account
from spoold.identity.refusals import Refusals
from spoold.identity.tickets import Ticket, TicketReader
from spoold.model.errors import NotAuthenticated, SpoolError
from spoold.model.principal import Method, Principal
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

# One text whether the realm is not listed, nobody has an account of that name, or it is closed.
NO_ACCOUNT = "Your Kerberos ticket is good, but it opens no account here. Ask an administrator."
# A person of a realm: one part, nothing escaped. "ana/admin" and "host/..." are not people.
_PERSON = re.compile(r"([^/@\\\x00-\x1f\x7f]{1,255})@([A-Za-z0-9.-]{1,253})")
# Computers of an Active Directory sign in, too.
_MACHINE = "$"


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
        self._metrics = metrics
        self._refusals = Refusals(Method.KERBEROS, database, clock, metrics)

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
            await self._refusals.note(peer, str(error.fields.get("why", "wrong-ticket")))
            raise
        account = await self._account(ticket, peer)
        try:
            principal = await self._people.admit(account, method=Method.KERBEROS, peer=peer)
        except NotAuthenticated:
            await self._refusals.note(peer, "closed", account.id)
            raise NotAuthenticated(NO_ACCOUNT) from None
        return Proof(principal, ticket.reply)

    async def _account(self, ticket: Ticket, peer: str) -> Account:
        person = _PERSON.fullmatch(ticket.principal)
        if person is None or person[1].endswith(_MACHINE):
            await self._refusals.note(peer, "no-person")
            raise NotAuthenticated(NO_ACCOUNT)
        provider = self._realms.get(person[2])
        if provider is None:
            await self._refusals.note(peer, "realm-not-listed")
            raise NotAuthenticated(NO_ACCOUNT)
        try:
            account = await self._people.lookup(person[1], provider=provider)
        except SpoolError:
            self._metrics.sign_in("unavailable")
            raise
        if account is None or account.provider != provider:
            await self._refusals.note(peer, "no-account")
            raise NotAuthenticated(NO_ACCOUNT)
        return account
