"""Personal print URIs: an address to print to that proves who prints, for clients that cannot sign in.

Whoever has such an address prints as its owner into one queue, sees how those jobs are doing, and cancels
them. It releases nothing and changes nothing: `spoold.model.access` holds what it is good for. The token in
it is random and known to its clients only; here is its hash.
"""

import base64
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import quote

import structlog
from sqlalchemy import Connection

from spoold.database import people, print_uris
from spoold.database.engine import Database
from spoold.database.people import UserRow
from spoold.database.print_uris import PrintUriRow
from spoold.identity.kept import SignInAgain
from spoold.identity.provider import account_of
from spoold.identity.throttle import Throttle
from spoold.model.errors import Busy, NotAuthenticated, NotAuthorized, NotFound, NotPossible, TooManyAttempts
from spoold.model.ids import UserId, new_token
from spoold.model.principal import Method, Principal, Role
from spoold.records import audit
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

log = structlog.get_logger()

# 160 bits in 32 letters and digits that no client changes: lower case, no "=", nothing to escape in a URI.
TOKEN_OCTETS = 20
# A computer, a phone and a tablet for each of a few queues; more is a program that has gone wrong.
MAX_PER_PERSON = 20
# "Laptop in the study": it is shown on one line.
MAX_LABEL_CHARACTERS = 60
# Use is written down at most this often: a client that looks at its queue every five seconds costs no fsync.
USE_GRANULARITY = timedelta(minutes=5)
# A client with an old address tries it every few seconds, and counts once in this time (seconds).
REFUSED_FOR_S = 900.0
# About 100 bytes each; whoever fills it only has an old address counted again.
MAX_REFUSED = 10_000
# One answer for an address that never was, was revoked, is of another queue, or of a closed account.
NO_SUCH_PRINTER = "There is no such printer here."
_ONLY_PEOPLE = "Only people with an account here can have print addresses; give a user name."
_NO_SUCH_URI = "There is no such print address."


@dataclass(frozen=True, slots=True)
class Opened:
    """What the token of a print URI proves.

    Args:
        principal: its owner, proven by this and nothing else.
        uri_id: which of the owner's print URIs it is.
    """

    principal: Principal
    uri_id: str


class PrintUris:
    """Makes, lists, revokes and recognises print URIs.

    Error handling: a token that is not good raises `NotFound`, whatever is wrong with it; `Unavailable`
    is raised where nobody can tell, and clients keep their jobs.

    Args:
        queues: names of the queues there are.
        authority: host and port that clients print to, as they reach it.
        confirm: the account as its provider has it now, for people of directories; None asks nobody.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        throttle: Throttle,
        *,
        queues: Callable[[], frozenset[str]],
        authority: Callable[[], str],
        confirm: Callable[[Principal], Awaitable[Principal]] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._throttle = throttle
        self._queues = queues
        self._authority = authority
        self._confirm = confirm
        # By address and token hash: until when it is not counted again; the oldest first.
        self._refused: OrderedDict[tuple[str, bytes], float] = OrderedDict()

    # -- for its owner

    async def add(
        self, principal: Principal, queue: str, label: str, *, peer: str
    ) -> tuple[PrintUriRow, str]:
        """Make a print URI; returns it and its token, which nobody can be told again.

        Raises:
            NotFound: there is no such queue.
            NotPossible: the label cannot be one, or the person has too many.
            NotAuthorized: whoever asks has no account here.
        """
        if principal.method is Method.CONTROL_SOCKET:
            raise NotAuthorized(_ONLY_PEOPLE)
        if queue not in self._queues():
            raise NotFound("There is no such queue.", queue=queue)
        shown = " ".join(label.split())
        if not shown or len(shown) > MAX_LABEL_CHARACTERS or not shown.isprintable():
            raise NotPossible(
                f"Give it a name of 1 to {MAX_LABEL_CHARACTERS} characters, such as the computer's."
            )
        token = base64.b32encode(secrets.token_bytes(TOKEN_OCTETS)).decode().lower()
        now = self._clock.now()
        row = PrintUriRow(new_token(), principal.id, queue, shown, _hash(token), now)

        def work(connection: Connection) -> None:
            user = people.user_by_id(connection, principal.id)
            if user is None or user.disabled:
                raise NotAuthorized(_ONLY_PEOPLE)
            if len(print_uris.print_uris_of(connection, principal.id)) >= MAX_PER_PERSON:
                raise NotPossible(f"You have {MAX_PER_PERSON} print addresses already; revoke one first.")
            print_uris.insert_print_uri(connection, row)
            self._record(connection, "print-uri-added", principal.id, row, peer)

        await self._database.write(work)
        return row, token

    def address(self, queue: str, token: str, *, scheme: str = "ipps") -> str:
        """Return the address to print to.

        Args:
            scheme: "ipps"; Windows takes the same one as "https" (RFC 8010 3.3, RFC 7472 3.1).
        """
        return f"{scheme}://{self._authority()}/ipp/print/{quote(queue, safe='')}/u/{token}"

    async def of(self, user_id: UserId) -> list[PrintUriRow]:
        """Return a person's print URIs that are good, the oldest first."""
        return await self._database.read(
            lambda connection: print_uris.print_uris_of(connection, user_id), short=True
        )

    async def revoke(self, principal: Principal, uri_id: str, *, peer: str) -> PrintUriRow:
        """End a print URI; from the next request on it is refused.

        Raises:
            NotFound: none of this person's is called so, or it was revoked before. An administrator may
                revoke everybody's.
        """
        now = self._clock.now()

        def work(connection: Connection) -> PrintUriRow:
            row = print_uris.print_uri_by_id(connection, uri_id)
            is_theirs = row is not None and row.user_id == principal.id
            if row is None or not (is_theirs or principal.role is Role.ADMINISTRATOR):
                raise NotFound(_NO_SUCH_URI)
            if not print_uris.revoke_print_uri(connection, uri_id, now):
                raise NotFound(_NO_SUCH_URI)
            self._record(connection, "print-uri-revoked", principal.id, row, peer)
            return row

        return await self._database.write(work)

    async def owner_of(self, name: str) -> UserId:
        """Return the account of a canonical name, for administrators.

        Raises:
            NotFound: there is none.
        """
        user = await self._database.read(lambda connection: people.user_by_name(connection, name), short=True)
        if user is None:
            raise NotFound(f'There is no account named "{name}".')
        return user.id

    # -- for the door

    async def open(self, token: str, queue: str, *, peer: str, submits: bool) -> Opened:
        """Return whom a token stands for in this queue.

        Good and bad tokens take the same work: one hash, and one look by it.

        Args:
            queue: as the client names it; the token is good in one only.
            submits: a job is to be made: the account is confirmed with whoever keeps it.

        Raises:
            NotFound: the token is not good.
            SignInAgain: it is, and nobody has vouched for its owner within the term.
            Unavailable, Busy: nobody can tell now.
        """
        token_hash, now = _hash(token), self._clock.now()
        found = await self._database.read(
            lambda connection: print_uris.print_uri_by_hash(connection, token_hash), short=True
        )
        if found is None:
            await self._count(peer, token_hash)
            raise NotFound(NO_SUCH_PRINTER, why="unknown-print-uri", peer=peer)
        row, user = found
        why = _trouble(row, user, queue)
        if why:
            # It was somebody's once: no guess, and no reason to shut out the room where it is still in use.
            raise NotFound(NO_SUCH_PRINTER, why=why, print_uri=row.id, peer=peer)
        principal = _bounded(account_of(user).principal(Method.PRINT_URI, now))
        if submits:
            principal = await self._confirmed(principal, row)
        if row.used_at is None or now - row.used_at >= USE_GRANULARITY:
            await self._database.write(
                lambda connection: print_uris.touch_print_uri(connection, row.id, now), short=True
            )
        return Opened(principal, row.id)

    async def _confirmed(self, principal: Principal, row: PrintUriRow) -> Principal:
        if self._confirm is None:
            return principal
        try:
            confirmed = await self._confirm(principal)
        except SignInAgain:
            # The owner can mend it, and has shown the secret: words help, and tell a stranger nothing.
            raise
        except (NotAuthenticated, NotAuthorized, NotFound) as error:
            raise NotFound(NO_SUCH_PRINTER, why=error.kind, print_uri=row.id) from error
        return _bounded(confirmed)

    async def _count(self, peer: str, token_hash: bytes) -> None:
        """Count a token that is nobody's against the address it came from, once in a while.

        The answer is the same whether it was counted or the address is shut out already: guessing 160
        bits is hopeless, and what it costs is signing in from there.
        """
        now_s, key = self._clock.monotonic_s(), (peer, token_hash)
        until = self._refused.pop(key, 0.0)
        if until > now_s:
            self._refused[key] = until
            return
        try:
            async with self._throttle.attempt("", peer) as attempt:
                attempt.failed()
                await self._database.write(lambda connection: self._write_failure(connection, peer))
        except (TooManyAttempts, Busy):
            self._metrics.sign_in("throttled")
            return
        self._metrics.sign_in("rejected")
        self._refused[key] = now_s + REFUSED_FOR_S
        while len(self._refused) > MAX_REFUSED:
            self._refused.popitem(last=False)

    def _write_failure(self, connection: Connection, peer: str) -> None:
        people.put_failures(connection, self._throttle.rows("", peer, None))
        audit.append(connection, at=self._clock.now(), kind="print-uri-refused", actor=f"unproven:{peer}")

    def _record(self, connection: Connection, kind: str, actor: str, row: PrintUriRow, peer: str) -> None:
        # The label is its owner's own words, and the audit outlives them.
        audit.append(
            connection,
            at=self._clock.now(),
            kind=kind,
            actor=actor,
            peer=peer,
            user=row.user_id,
            print_uri=row.id,
            queue=row.queue,
        )


def print_uri_fields(row: PrintUriRow) -> dict[str, object]:
    """Return a print URI as programs see it: without its token."""
    return {
        "id": row.id,
        "queue": row.queue,
        "label": row.label,
        "created_at": row.created_at.isoformat(),
        "used_at": None if row.used_at is None else row.used_at.isoformat(),
    }


def _trouble(row: PrintUriRow, user: UserRow, queue: str) -> str:
    """Return what is wrong with a print URI that there is, for the log; empty if nothing."""
    if row.revoked_at is not None:
        return "print-uri-revoked"
    if user.disabled:
        return "account-closed"
    return "print-uri-of-another-queue" if row.queue != queue else ""


def _bounded(principal: Principal) -> Principal:
    """Return the person with the rights of a print URI: an operator's is nobody's but a user's."""
    return replace(principal, role=Role.USER, method=Method.PRINT_URI)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
