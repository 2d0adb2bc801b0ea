"""People who sign in at an OpenID provider: whose account that is, and how fresh the proof."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from spoold.database.engine import Database
from spoold.identity.claim import typed_name
from spoold.identity.kerberos import People as LookedUp
from spoold.identity.local import MAX_GROUPS, MAX_NAME_BYTES
from spoold.identity.oidc_pending import WRONG, Identified, Pending, PendingSignIns
from spoold.identity.provider import Account
from spoold.identity.refusals import Refusals
from spoold.model.errors import NotAuthenticated, SpoolError
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

# The provider of accounts that nobody else has, in the records.
OIDC = "oidc"
NOT_ALLOWED = "Your account may not sign in here. Ask an administrator."
NO_ACCOUNT = "Your organisation knows you, but there is no account for you here. Ask an administrator."
CANCELLED = "The sign-in was cancelled. Sign in again, or another way."
OVER = "This sign-in was begun too long ago, or in another browser. Sign in again."
NOT_AGAIN = "Your organisation did not ask you to sign in again. Try once more, or ask an administrator."
# When a provider does not say when somebody signed in, it may have been any time ago: nothing is released
# on that.
_UNKNOWN_AGE = timedelta(days=1)
# How old a sign-in may be that was asked for anew; the clocks of two machines are in it.
AGAIN_WITHIN_S = 60


class Provider(Protocol):
    """What speaks to the OpenID provider: `spoold.identity.oidc_client.OidcClient`."""

    @property
    def issuer(self) -> str:
        """What it calls itself."""
        ...

    async def address_for(self, pending: Pending, *, language: str, max_age_s: int) -> str:
        """Return where to send a browser."""
        ...

    async def identify(self, pending: Pending, code: str, issuer: str | None) -> Identified:
        """Turn a code into who that is."""
        ...


class People(LookedUp, Protocol):
    """The part of `spoold.identity.authenticator.Identity` that knows accounts."""

    async def distinct(self, account: Account) -> Account:
        """Return an account under a name that is nobody else's."""
        ...


@dataclass(frozen=True, slots=True)
class OidcRules:
    """Whose account it is, and who is let in ([identity.oidc] of the configuration).

    Args:
        provider: who has the accounts; None: people have accounts of their own.
        allowed_groups: None lets everybody in whom the provider lets in.
    """

    label: str
    name_claim: str
    display_name_claim: str
    groups_claim: str
    provider: str | None
    allowed_groups: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Returned:
    """What a browser brings back from the provider: the query of the redirect (RFC 6749 4.1.2)."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    error: str
    issuer: str | None


class Oidc:
    """Signs people in through a provider; each sign-in is used once."""

    def __init__(
        self,
        client: Provider,
        people: People,
        rules: OidcRules,
        *,
        database: Database,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._people = people
        self._rules = rules
        self._clock = clock
        self._metrics = metrics
        self._pending = PendingSignIns(clock)
        self._refusals = Refusals(Method.OIDC, database, clock, metrics)

    @property
    def label(self) -> str:
        """What people call the provider."""
        return self._rules.label

    async def begin(
        self, browser: str, following: str, *, peer: str, language: str, again: bool = False
    ) -> str:
        """Return the address at the provider to which the browser goes.

        Args:
            browser: what it keeps in a cookie until it comes back.
            following: where to go afterwards, a path that was checked.
            again: the person has to sign in there anew, whatever session they have there.

        Raises:
            Busy, Unavailable: too many are under way, or the provider cannot be asked.
        """
        pending = self._pending.begin(browser, following, peer, again=again)
        return await self._client.address_for(pending, language=language, max_age_s=AGAIN_WITHIN_S)

    async def finish(self, browser: str, returned: Returned, *, peer: str) -> tuple[Principal, str]:
        """Find out who came back, and take that person in; returns also where to go.

        Raises:
            NotAuthenticated: it is not a sign-in of this browser, not verified, or opens no account.
            Unavailable, Busy: not decided.
        """
        pending = self._pending.take(returned.state, browser)
        if pending is None:
            await self._refusals.note(peer, "state")
            raise NotAuthenticated(OVER, why="state")
        if returned.error or not returned.code:
            await self._refusals.note(peer, "cancelled")
            raise NotAuthenticated(CANCELLED, why="cancelled")
        try:
            identified = await self._client.identify(pending, returned.code, returned.issuer)
        except NotAuthenticated as error:
            await self._refusals.note(peer, str(error.fields.get("why", "wrong")))
            raise
        except SpoolError:
            self._metrics.sign_in("unavailable")
            raise
        proven_at = await self._proven_at(pending, identified, peer)
        account = await self._account(identified, peer)
        try:
            principal = await self._people.admit(account, method=Method.OIDC, peer=peer)
        except NotAuthenticated:
            await self._refusals.note(peer, "closed", account.id)
            raise NotAuthenticated(NO_ACCOUNT, why="closed") from None
        return replace(principal, proven_at=proven_at), pending.following

    async def _proven_at(self, pending: Pending, identified: Identified, peer: str) -> datetime:
        """Return when the person signed in at the provider; that, and not the way back, is the proof."""
        at = identified.signed_in_at
        if pending.again and (at is None or at < pending.at - timedelta(seconds=AGAIN_WITHIN_S)):
            await self._refusals.note(peer, "not-again")
            raise NotAuthenticated(NOT_AGAIN, why="not-again")
        return at if at is not None else self._clock.now() - _UNKNOWN_AGE

    async def _account(self, identified: Identified, peer: str) -> Account:
        claims, rules = identified.claims, self._rules
        name = _name(claims, rules.name_claim)
        if not name:
            await self._refusals.note(peer, "no-name")
            raise NotAuthenticated(WRONG, why="no-name")
        if rules.provider is None:
            own = Account(
                _own_id(self._client.issuer, identified.subject),
                name,
                frozenset(_groups(claims.get(rules.groups_claim))),
                Role.USER,
                epoch=0,
                display_name=_text(claims.get(rules.display_name_claim)),
                provider=OIDC,
                vouched_at=self._clock.now(),
            )
            # Jobs and approvals go by name, also those of somebody who has never signed in here.
            account: Account | None = await self._people.distinct(own)
        else:
            account = await self._people.lookup(name, provider=rules.provider)
        if account is None:
            await self._refusals.note(peer, "no-account")
            raise NotAuthenticated(NO_ACCOUNT, why="no-account")
        if rules.allowed_groups is not None and not rules.allowed_groups & account.groups:
            await self._refusals.note(peer, "group", None if rules.provider is None else account.id)
            raise NotAuthenticated(NOT_ALLOWED, why="group")
        return account


def _own_id(issuer: str, subject: str) -> UserId:
    """Return the id of an account of its own: only issuer and subject together name a person (Core 5.7)."""
    told_apart = f"{len(issuer)}:{issuer}{subject}".encode("utf-8", "replace")
    return UserId(f"{OIDC}:{hashlib.sha256(told_apart).hexdigest()[:32]}")


def _name(claims: Mapping[str, Any], claim: str) -> str:
    """Return the canonical user name, empty for what cannot be one."""
    value = claims.get(claim)
    if not isinstance(value, str) or (claim == "email" and claims.get("email_verified") is not True):
        # Core 5.1: an address that was not verified is whatever somebody typed.
        return ""
    name = typed_name(value)
    return name if name.isprintable() and ":" not in name else ""


def _text(value: object) -> str:
    """Return a name for people, of a length that a page can show."""
    if not isinstance(value, str):
        return ""
    shown = "".join(character for character in value if character.isprintable()).strip()
    return shown[:MAX_NAME_BYTES]


def _groups(value: object) -> Iterable[str]:
    """Yield the groups of a claim: a list, or one name."""
    listed = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    for group in listed[:MAX_GROUPS]:
        if (
            isinstance(group, str)
            and group.strip()
            and len(group.encode("utf-8", "replace")) <= MAX_NAME_BYTES
        ):
            yield group.strip()
