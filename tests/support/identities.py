"""An Identity over a real database in a temporary folder, with cheap hashes and a clock the test moves."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from holdstore.keyring import Keyring
from spoold.database import records
from spoold.database.engine import Database
from spoold.database.migrations import migrate
from spoold.identity.authenticator import Identity
from spoold.identity.guesses import Guesses
from spoold.identity.local import LocalUsers
from spoold.identity.passwords import PasswordHasher
from spoold.identity.provider import Authenticator
from spoold.identity.second_factors import SecondFactors
from spoold.identity.second_rule import SecondRule
from spoold.identity.throttle import Throttle
from spoold.identity.tokens import Tokens
from spoold.runtime.metrics import Metrics
from tests.support.clock import FakeClock

# bcrypt's lowest cost: 1 ms.
CHEAP = 4
PASSWORD = "correct horse"


@contextmanager
def open_database(path: Path) -> Iterator[Database]:
    """A database with all tables; closed at the end."""
    path.write_bytes(_empty_tables())
    database = Database(path)
    database.open(migrate)
    try:
        yield database
    finally:
        database.close()


@cache
def _empty_tables() -> bytes:
    """Migrating takes a third of a second; a test run does it once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spoold.db")
        database = Database(path)
        database.open(migrate)
        database.close()
        return path.read_bytes()


@dataclass
class IdentityKit:
    """An Identity and what it is made of."""

    database: Database
    clock: FakeClock
    metrics: Metrics
    hasher: PasswordHasher
    users: LocalUsers
    throttle: Throttle
    identity: Identity
    guesses: Guesses
    tokens: Tokens
    factors: SecondFactors

    async def audit(self) -> list[dict[str, Any]]:
        """Return all audit entries."""
        rows = await self.database.read(records.audit_rows)
        return [json.loads(row.entry) for row in rows]

    async def kinds(self) -> list[str]:
        """Return what was recorded, oldest first."""
        return [entry["kind"] for entry in await self.audit()]


def make_identity(
    database: Database,
    *,
    clock: FakeClock | None = None,
    cost: int = CHEAP,
    order: Sequence[Authenticator] | None = None,
    second_factor: str = "off",
) -> IdentityKit:
    """Return a new Identity over the database, as a restart of the daemon would make it."""
    used_clock = clock or FakeClock()
    metrics = Metrics()
    hasher = PasswordHasher(cost=cost)
    users = LocalUsers(database, used_clock, hasher)
    throttle, second = Throttle(used_clock), SecondRule(lambda: second_factor)
    identity = Identity(
        database=database,
        clock=used_clock,
        metrics=metrics,
        users=users,
        order=order,
        throttle=throttle,
        second=second,
    )
    guesses = identity.guesses
    tokens = Tokens(database, used_clock, guesses, presences=identity.presences)
    factors = SecondFactors(
        database=database,
        clock=used_clock,
        guesses=guesses,
        rule=second,
        keyring=Keyring.from_bytes(bytes(range(32))),
        site_name=lambda: "print.example.org",
    )
    return IdentityKit(
        database, used_clock, metrics, hasher, users, throttle, identity, guesses, tokens, factors
    )
