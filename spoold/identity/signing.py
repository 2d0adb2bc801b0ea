"""What is written down of people signing in: successes, failures, counts that survive a restart."""

import hashlib
import hmac
import os

import trio
from sqlalchemy import Connection

from spoold.database import people
from spoold.database.engine import Database
from spoold.identity.claim import Claim
from spoold.identity.people_of_directories import settle
from spoold.identity.provider import Account, Finding, Rejected
from spoold.identity.providers import Providers
from spoold.identity.throttle import Throttle
from spoold.model.principal import Method
from spoold.records import audit
from spoold.runtime.clock import Clock


class SignIns:
    """Records sign-ins, each in a transaction that is durable before the answer.

    Args:
        providers: for the order of names, and the one name behind the forms that people type.
    """

    def __init__(self, database: Database, clock: Clock, throttle: Throttle, providers: Providers) -> None:
        self._database = database
        self._clock = clock
        self._throttle = throttle
        self._providers = providers
        self._restoring = trio.Lock()
        self._restored = trio.Event()
        # Names that nobody has are recorded as HMAC under a key that is never stored: people type
        # passwords into name fields, and the audit chain outlives them all. Repeated tries of one
        # name can be told from many names while the daemon runs; nobody can get the name back.
        self._name_key = os.urandom(32)

    async def restore(self) -> None:
        """Take over the counts from before a restart; once, before the first check."""
        if self._restored.is_set():
            return
        async with self._restoring:
            if self._restored.is_set():
                return
            rows, users = await self._database.read(
                lambda connection: (people.failure_rows(connection), people.list_users(connection))
            )
            self._throttle.restore(rows, {user.id: self._providers.counted(user.name) for user in users})
            self._restored.set()

    def succeeded(
        self, connection: Connection, account: Account, *, method: Method, peer: str
    ) -> Account | None:
        """Write down, in the caller's transaction, that somebody was proven.

        Returns:
            The account as the records have it; None, with nothing recorded, when it is closed or has changed.
        """
        now = self._clock.now()
        settled = settle(connection, account, now, self._providers.names)
        if settled is None:
            return None
        audit.append(
            connection,
            at=now,
            kind="sign-in",
            actor=settled.id,
            peer=peer,
            method=method.value,
            provider=settled.provider,
        )
        return settled

    def counts(self, connection: Connection, claim: Claim, account: Account) -> None:
        """Write down, in the caller's transaction, the counts of a person and place after a success."""
        people.put_failures(connection, self._throttle.rows(claim.counted, claim.peer, account.id))

    async def failed(self, claim: Claim, finding: Finding) -> None:
        """Write down that a check failed."""
        known = finding.account_id if isinstance(finding, Rejected) else None
        why = finding.why if isinstance(finding, Rejected) else "unknown-name"
        tag = self._name_tag(claim.name)

        def work(connection: Connection) -> None:
            now = self._clock.now()
            people.forget_failures(connection, before=now - self._throttle.remembered)
            people.put_failures(connection, self._throttle.rows(claim.counted, claim.peer, known))
            audit.append(
                connection,
                at=now,
                kind="sign-in-failed",
                actor=f"unproven:{claim.peer}",
                user=known,
                name_tag=None if known is not None else tag,
                method=claim.method.value,
                why=why,
            )

        await self._database.write(work)

    async def throttled(self, claim: Claim) -> None:
        """Write down that an attempt was turned away unchecked; no less work for nobody."""
        tag = self._name_tag(claim.name)

        def work(connection: Connection) -> None:
            user = people.id_of_name(connection, claim.name)
            audit.append(
                connection,
                at=self._clock.now(),
                kind="sign-in-throttled",
                actor=f"unproven:{claim.peer}",
                user=user,
                name_tag=tag if user is None else None,
                method=claim.method.value,
            )

        await self._database.write(work)

    def _name_tag(self, name: str) -> str:
        return hmac.digest(self._name_key, name.encode("utf-8", "replace"), hashlib.sha256).hex()[:16]
