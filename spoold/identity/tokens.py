"""Tokens that programs show instead of a password: scoped, bound to networks, ending by themselves.

A token is "spd_ID_SECRET": the id finds its row, the secret is compared with its SHA-256 (256 random bits
need no slow hash). Every call with a token is one audit record in the transaction that decides about it,
before anything is done: no record, no answer.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from types import MappingProxyType

from sqlalchemy import Connection

from spoold.config.section import listed
from spoold.database import people, tokens
from spoold.database.engine import Database
from spoold.database.people import UserRow
from spoold.database.tokens import TokenRow
from spoold.identity.guesses import Guesses
from spoold.identity.kept import TERM_OVER, SignInAgain, Term
from spoold.identity.places import home_of
from spoold.identity.presence import Presence, Presences
from spoold.identity.provider import account_of
from spoold.identity.token_rates import TokenRates
from spoold.identity.token_wishes import checked_label, checked_life, checked_networks, checked_scopes
from spoold.model.errors import (
    NotAuthenticated,
    NotAuthorized,
    NotFound,
    NotPossible,
    TooManyAttempts,
    Unavailable,
)
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role
from spoold.model.scopes import OF_A_PERSON, OF_THE_SITE, Scope
from spoold.records import audit
from spoold.runtime.clock import Clock

PREFIX = "spd_"
# 64 bits find the row, 256 bits prove it.
_ID_BYTES, _SECRET_BYTES = 8, 32
_FORM = re.compile(r"spd_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
# Last use is written down at most this often.
USE_GRANULARITY = timedelta(seconds=60)
# More programs than one person looks after.
MAX_PER_PERSON = 50

# Why a token is refused whose owner's directory does not know the account any more, or does not answer.
_ACCOUNT, _DIRECTORY = "account", "directory"
_DOUBTS: Mapping[Presence, str | None] = MappingProxyType(
    {
        Presence.THERE: None,
        Presence.GONE: _ACCOUNT,
        Presence.TERM_OVER: TERM_OVER,
        Presence.NOT_KNOWN: _DIRECTORY,
    }
)
_REFUSED = (
    "This token is not accepted. It may have ended or been revoked, or it may not be used from this network."
)
_NOT_ASKED = "The directory cannot be asked at this moment. Try again in a few minutes."
_NOT_FOR_THAT = "This token is not for that; its scopes say what it is for."


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody wants to do with a token.

    Args:
        scope: what it needs; None for what no token is for.
        action: in the words of `spoold.model.access`, for the record.
        job: the job it is about, for the record.
    """

    scope: Scope | None
    action: str
    peer: str
    job: str | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is shown once.

    Args:
        token: what the program is given.
    """

    row: TokenRow
    token: str = field(repr=False)


def is_token(presented: str) -> bool:
    """Tell whether this is meant as a token (and not, for example, as a session)."""
    return presented.startswith(PREFIX)


class Tokens:
    """Makes, lists, ends and checks tokens.

    Args:
        presences: whether a token's owner still has the account that it stands for.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        guesses: Guesses,
        *,
        presences: Presences,
        term: Term | None = None,
    ) -> None:
        self._database = database
        self._presences = presences
        self._term = term
        self._clock = clock
        self._guesses = guesses
        self._rates = TokenRates(clock)

    # -- looking after them

    async def issue(
        self,
        owner: UserId | None,
        *,
        label: str,
        scopes: Collection[str],
        networks: Collection[str],
        life: timedelta,
        actor: str,
    ) -> NewToken:
        """Make a token; what it returns is the only time that the token itself is seen.

        Args:
            owner: whose jobs it is about; None for an agent of the site.
            networks: addresses or CIDR it may be used from; at least one.
            life: at most a year.

        Raises:
            NotPossible: in words, when something about it cannot be.
        """
        now = self._clock.now()
        token_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        row = TokenRow(
            id=token_id,
            user_id=owner,
            label=checked_label(label),
            secret_hash=_hash(secret),
            scopes=checked_scopes(scopes, OF_THE_SITE if owner is None else OF_A_PERSON),
            networks=checked_networks(networks),
            created_by=actor,
            created_at=now,
            expires_at=now + checked_life(life),
        )

        def work(connection: Connection) -> None:
            if owner is not None:
                account = people.user_by_id(connection, owner)
                if account is None or account.disabled:
                    raise NotPossible("This account is closed.")
                good = [one for one in tokens.list_tokens(connection, owner) if is_good(one, now)]
                if len(good) >= MAX_PER_PERSON:
                    raise NotPossible("You have too many tokens; revoke one that is not used any more.")
            tokens.insert_token(connection, row)
            audit.append(
                connection,
                at=now,
                kind="token-issued",
                actor=actor,
                token=row.id,
                user=owner,
                scopes=sorted(row.scopes),
                networks=list(row.networks),
                expires_at=row.expires_at.isoformat(),
            )

        await self._database.write(work)
        return NewToken(row, f"{PREFIX}{token_id}_{secret}")

    async def of(self, owner: UserId | None = None) -> list[TokenRow]:
        """Return somebody's tokens, or everybody's, the newest first."""
        return await self._database.read(lambda connection: tokens.list_tokens(connection, owner))

    async def revoke(self, token_id: str, *, actor: str, owner: UserId | None = None) -> None:
        """End a token at once.

        Args:
            owner: only if it is this person's.

        Raises:
            NotFound: there is none that is still good.
        """
        now = self._clock.now()

        def work(connection: Connection) -> None:
            row = tokens.token_by_id(connection, token_id)
            is_theirs = row is not None and owner in (None, row.user_id)
            if not is_theirs or not tokens.revoke_token(connection, token_id, now):
                raise NotFound("There is no such token.")
            audit.append(connection, at=now, kind="token-revoked", actor=actor, token=token_id)

        await self._database.write(work)

    # -- using them

    async def principal_of(self, presented: str, call: Call) -> Principal:
        """Return who calls with a token, for this one call; the call is on record before this returns.

        The secret is checked here and now, so the proof is as fresh as that of a password with each request.
        That a token may release at all is its owner's standing order (docs/design.md).

        Raises:
            NotAuthenticated: the token is none, has ended, or may not be used from there; one text for all.
            NotAuthorized: it is good, and not for that.
            SignInAgain: it is good, and nobody has vouched for its owner within the term.
            TooManyAttempts: it is used too often, or too many wrong ones came from there.
            Unavailable: the call cannot be recorded, or the directory of its owner cannot be asked.
        """
        match = _FORM.fullmatch(presented)
        token_id, secret = (match[1], match[2]) if match else ("", "")
        found = await self._database.read(lambda connection: _look(connection, token_id), short=True)
        expected = found[0].secret_hash if found else bytes(32)
        if not hmac.compare_digest(_hash(secret), expected) or found is None:
            await self._refuse_unknown(call, None if found is None else found[0])
            raise NotAuthenticated(_REFUSED)
        await self._check_rate(found[0], call)
        doubt = await self._doubt(*found, call)
        why, found = await self._database.write(
            lambda connection: self._decide(connection, token_id, call, doubt)
        )
        if why == "scope":
            raise NotAuthorized(_NOT_FOR_THAT, token=token_id)
        if why == TERM_OVER:
            raise SignInAgain(token=token_id)
        if why == _DIRECTORY:
            raise Unavailable(_NOT_ASKED, token=token_id)
        if why is not None or found is None:
            raise NotAuthenticated(_REFUSED, token=token_id)
        return self._principal(*found)

    async def _doubt(self, row: TokenRow, user: UserRow | None, call: Call) -> str | None:
        """Return why the owner of a token that is good otherwise may not have the account any more.

        Nobody is asked for calls that are refused anyway. What tells of no job goes on without a directory.
        """
        now = self._clock.now()
        if user is None or _why_not(row, user, call, now) is not None:
            return None
        presence = await self._presences.of(account_of(user).principal(Method.TOKEN, now))
        if presence is Presence.NOT_KNOWN and call.scope is Scope.PRINTERS_READ:
            return None
        return _DOUBTS[presence]

    def _decide(
        self, connection: Connection, token_id: str, call: Call, doubt: str | None
    ) -> tuple[str | None, tuple[TokenRow, UserRow | None] | None]:
        """Record the call; returns why it is refused, None when it is not, and what it was decided by.

        Args:
            doubt: why it is refused if nothing else is wrong.
        """
        now = self._clock.now()
        found = _look(connection, token_id)
        why = "gone" if found is None else _why_not(*found, call, now)
        user = None if found is None else found[1]
        if why is None and user is not None and self._term is not None and self._term.is_over(user):
            why = TERM_OVER
        why = why or doubt
        kind = "token-used" if why is None else "token-refused"
        row = None if found is None else found[0]
        self._record(connection, kind, f"token:{token_id}", call, row=row, why=why)
        if found is not None and why is None:
            used = found[0].used_at
            if used is None or not timedelta(0) <= now - used < USE_GRANULARITY:
                tokens.touch_token(connection, token_id, now)
        return why, found

    async def _refuse_unknown(self, call: Call, meant: TokenRow | None) -> None:
        """Record a token that is none; of those turned away as too many from one place, the first.

        Args:
            meant: the token whose id it has, with another secret.
        """
        actor = f"unproven:{call.peer}"
        try:
            # One count for a whole /64: whoever has one has any number of addresses.
            async with self._guesses.attempt(f"tokens-from:{home_of(call.peer)}") as guess:

                def work(connection: Connection) -> None:
                    guess.wrong(connection)
                    why = "unknown" if meant is None else "wrong-secret"
                    self._record(connection, "token-refused", actor, call, row=meant, why=why)

                await self._database.write(work)
        except TooManyAttempts as error:
            if error.fields.get("first"):
                await self._database.write(
                    lambda connection: self._record(connection, "token-throttled", actor, call)
                )
            raise

    async def _check_rate(self, row: TokenRow, call: Call) -> None:
        """Turn a program away that calls too often; recorded once in each window."""
        try:
            self._rates.count(row.id)
        except TooManyAttempts as error:
            if error.fields["first"]:
                actor = f"token:{row.id}"
                await self._database.write(
                    lambda connection: self._record(connection, "token-throttled", actor, call, row=row)
                )
            raise

    def _record(
        self,
        connection: Connection,
        kind: str,
        actor: str,
        call: Call,
        *,
        row: TokenRow | None = None,
        why: str | None = None,
    ) -> None:
        audit.append(
            connection,
            at=self._clock.now(),
            kind=kind,
            actor=actor,
            token=None if row is None or actor == f"token:{row.id}" else row.id,
            user=None if row is None else row.user_id,
            action=call.action,
            job=call.job,
            peer=call.peer,
            why=why,
        )

    def _principal(self, row: TokenRow, user: UserRow | None) -> Principal:
        now = self._clock.now()
        if user is None:
            return Principal(
                id=UserId(f"token:{row.id}"),
                name=f"token:{row.id}",
                groups=frozenset(),
                role=Role.USER,
                method=Method.TOKEN,
                proven_at=now,
                scopes=row.scopes,
            )
        # Whatever office its owner has, a token is about the owner's own jobs.
        owner = account_of(user).principal(Method.TOKEN, now)
        return replace(owner, role=Role.USER, scopes=row.scopes)


def is_good(row: TokenRow, now: datetime) -> bool:
    """Tell whether a token has neither ended nor been revoked."""
    return row.revoked_at is None and row.created_at - USE_GRANULARITY <= now < row.expires_at


def _look(connection: Connection, token_id: str) -> tuple[TokenRow, UserRow | None] | None:
    row = tokens.token_by_id(connection, token_id) if token_id else None
    if row is None:
        return None
    return row, None if row.user_id is None else people.user_by_id(connection, row.user_id)


def _why_not(row: TokenRow, user: UserRow | None, call: Call, now: datetime) -> str | None:
    if row.revoked_at is not None:
        return "revoked"
    if not is_good(row, now):
        return "expired"
    if row.user_id is not None and (user is None or user.disabled):
        return _ACCOUNT
    if not listed(call.peer, tuple(map(ip_network, row.networks))):
        return "network"
    if call.scope is None or call.scope not in row.scopes:
        return "scope"
    return None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
