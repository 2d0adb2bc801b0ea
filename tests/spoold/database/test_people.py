"""Accounts, sessions and failure counts as rows."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from spoold.database import people
from spoold.database.engine import Database
from spoold.database.people import FailureRow, SessionRow, UserRow
from spoold.model.ids import UserId
from spoold.model.principal import Role
from tests.support.clock import START
from tests.support.identities import open_database

ALICE = UserRow(
    UserId("a1"), "alice", "hash-1", frozenset({"pupils", "é"}), Role.OPERATOR, False, 3, START, "Alice A."
)
BOB = UserRow(UserId("b1"), "bob", "hash-2", frozenset(), Role.USER, True, 0, START)
SESSION = SessionRow(b"h" * 32, ALICE.id, 3, START, START, START)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "spoold.db") as opened:
        yield opened


async def with_users(database: Database) -> None:
    def work(connection: Connection) -> None:
        people.insert_user(connection, BOB)
        people.insert_user(connection, ALICE)

    await database.write(work)


async def test_accounts_come_back_as_they_went_in(database: Database) -> None:
    await with_users(database)
    assert await database.read(lambda c: people.user_by_name(c, "alice")) == ALICE
    assert await database.read(lambda c: people.user_by_id(c, BOB.id)) == BOB
    assert await database.read(lambda c: people.user_by_name(c, "carol")) is None
    assert await database.read(lambda c: people.id_of_name(c, "alice")) == ALICE.id
    assert await database.read(lambda c: people.id_of_name(c, "carol")) is None
    assert await database.read(lambda c: people.user_by_id(c, UserId("alice"))) is None
    assert await database.read(people.list_users) == [ALICE, BOB]


async def test_a_name_is_given_once(database: Database) -> None:
    await with_users(database)
    twin = UserRow(UserId("a2"), "alice", "hash", frozenset(), Role.USER, False, 0, START)
    with pytest.raises(IntegrityError):
        await database.write(lambda c: people.insert_user(c, twin))


async def test_a_new_password_and_a_closed_account_are_new_epochs(database: Database) -> None:
    await with_users(database)
    assert await database.write(lambda c: people.set_password_hash(c, ALICE.id, "hash-3"))
    assert await database.write(lambda c: people.set_disabled(c, ALICE.id, disabled=True))
    row = await database.read(lambda c: people.user_by_id(c, ALICE.id))
    assert row is not None
    assert (row.password_hash, row.disabled, row.epoch) == ("hash-3", True, 5)
    assert not await database.write(lambda c: people.set_password_hash(c, UserId("x"), "hash"))
    assert not await database.write(lambda c: people.set_disabled(c, UserId("x"), disabled=False))


async def test_a_rehash_keeps_the_epoch_and_yields_to_a_new_password(database: Database) -> None:
    await with_users(database)
    assert await database.write(lambda c: people.replace_hash(c, ALICE.id, "hash-1", "hash-1b"))
    assert not await database.write(lambda c: people.replace_hash(c, ALICE.id, "hash-1", "hash-1c"))
    row = await database.read(lambda c: people.user_by_id(c, ALICE.id))
    assert row is not None
    assert (row.password_hash, row.epoch) == ("hash-1b", 3)


def test_rows_hide_their_secrets() -> None:
    assert "hash-1" not in repr(ALICE)
    assert "Alice A." not in repr(ALICE)
    assert "hhhh" not in repr(SESSION)


async def test_sessions_are_used_proven_and_ended(database: Database) -> None:
    await with_users(database)
    later = START + timedelta(minutes=5)
    await database.write(lambda c: people.insert_session(c, SESSION))
    assert await database.read(lambda c: people.session_by_hash(c, SESSION.token_hash)) == SESSION
    await database.write(lambda c: people.touch_session(c, SESSION.token_hash, later))
    await database.write(lambda c: people.touch_session(c, SESSION.token_hash, START))
    row = await database.read(lambda c: people.session_by_hash(c, SESSION.token_hash))
    assert row is not None
    assert (row.used_at, row.proven_at) == (later, START)
    assert await database.write(lambda c: people.prove_session(c, SESSION.token_hash, later))
    assert [s.proven_at for s in await database.read(lambda c: people.sessions_of(c, ALICE.id))] == [later]
    assert await database.write(lambda c: people.delete_session(c, SESSION.token_hash))
    assert not await database.write(lambda c: people.delete_session(c, SESSION.token_hash))
    assert not await database.write(lambda c: people.prove_session(c, SESSION.token_hash, later))


async def test_old_and_idle_sessions_go(database: Database) -> None:
    await with_users(database)
    hour = timedelta(hours=1)
    rows = [
        SessionRow(b"old", ALICE.id, 3, START, START - 9 * hour, START),
        SessionRow(b"idle", ALICE.id, 3, START, START - hour, START - hour),
        SessionRow(b"good", ALICE.id, 3, START, START - hour, START),
        SessionRow(b"bob", BOB.id, 0, START, START, START),
    ]
    for row in rows:
        await database.write(partial(people.insert_session, session=row))
    gone = await database.write(
        lambda c: people.delete_old_sessions(
            c, created_before=START - 8 * hour, used_before=START - timedelta(minutes=10)
        )
    )
    assert gone == 2
    assert [row.token_hash for row in await database.read(lambda c: people.sessions_of(c, ALICE.id))] == [
        b"good"
    ]
    assert await database.write(lambda c: people.delete_sessions_of(c, ALICE.id)) == 1
    assert await database.read(lambda c: people.session_by_hash(c, b"bob")) is not None


async def test_failure_counts_are_replaced_and_forgotten(database: Database) -> None:
    def row(subject: str, failures: int, minutes: int) -> FailureRow:
        last = START + timedelta(minutes=minutes)
        return FailureRow(subject, failures, START, last, last + timedelta(seconds=30))

    await database.write(
        lambda c: people.put_failures(c, [row("user:a1", 1, 0), row("address:10.0.0.1", 1, 0)])
    )
    await database.write(lambda c: people.put_failures(c, [row("user:a1", 2, 9)]))
    found = {each.subject: each for each in await database.read(people.failure_rows)}
    assert found == {"user:a1": row("user:a1", 2, 9), "address:10.0.0.1": row("address:10.0.0.1", 1, 0)}
    assert await database.write(lambda c: people.forget_failures(c, before=START + timedelta(minutes=5))) == 1
    assert [each.subject for each in await database.read(people.failure_rows)] == ["user:a1"]
