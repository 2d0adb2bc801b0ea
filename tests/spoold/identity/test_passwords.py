"""Passwords: what matches, what is refused, how many at a time."""

import threading

import bcrypt
import pytest
import trio

from spoold.identity.passwords import PasswordHasher
from spoold.identity.secret import Secret
from spoold.model.errors import Busy, Unavailable
from tests.support.identities import CHEAP


@pytest.fixture
def hasher() -> PasswordHasher:
    return PasswordHasher(cost=CHEAP)


@pytest.mark.parametrize(
    ("typed", "again", "same"),
    [
        ("correct horse", "correct horse", True),
        ("correct horse", "correct hors", False),
        ("correct horse", "Correct horse", False),
        ("correct horse", "correct horse ", False),
        # bcrypt alone would take the first 72 bytes and stop at a NUL.
        ("x" * 100, "x" * 100, True),
        ("x" * 100, "x" * 99 + "y", False),
        ("ab\0cd", "ab\0cd", True),
        ("ab\0cd", "ab\0ce", False),
        # One text, two encodings: a Mac and a PC type the same umlaut differently.
        ("Gr\u00fc\u00dfe aus K\u00f6ln", "Gru\u0308\u00dfe aus Ko\u0308ln", True),
        ("\U0001f5a8" * 256, "\U0001f5a8" * 256, True),
    ],
)
async def test_what_matches(hasher: PasswordHasher, typed: str, again: str, same: bool) -> None:
    stored = await hasher.hash(Secret(typed))
    assert (await hasher.verify(Secret(again), stored)).matches is same


async def test_salt_makes_equal_passwords_differ(hasher: PasswordHasher) -> None:
    assert await hasher.hash(Secret("correct horse")) != await hasher.hash(Secret("correct horse"))


@pytest.mark.parametrize("typed", ["", "x" * 1025, "\U0001f5a8" * 257, "\ud800", "x" * 10_000_000])
async def test_what_is_refused_before_any_work(hasher: PasswordHasher, typed: str) -> None:
    stored = await hasher.hash(Secret("correct horse"))
    before = hasher.computed
    assert not hasher.acceptable(Secret(typed))
    assert not (await hasher.verify(Secret(typed), stored)).matches
    assert not (await hasher.verify_nobody(Secret(typed))).matches
    with pytest.raises(ValueError, match="too long"):
        await hasher.hash(Secret(typed))
    assert hasher.computed == before


async def test_exactly_the_limit_is_fine(hasher: PasswordHasher) -> None:
    stored = await hasher.hash(Secret("x" * 1024))
    assert (await hasher.verify(Secret("x" * 1024), stored)).matches


async def test_another_cost_is_outdated() -> None:
    stored = await PasswordHasher(cost=CHEAP).hash(Secret("correct horse"))
    verdict = await PasswordHasher(cost=CHEAP + 1).verify(Secret("correct horse"), stored)
    assert (verdict.matches, verdict.outdated) == (True, True)
    assert not (await PasswordHasher(cost=CHEAP).verify(Secret("correct horse"), stored)).outdated
    assert not (await PasswordHasher(cost=CHEAP + 1).verify(Secret("wrong"), stored)).outdated


async def test_a_pepper_is_part_of_the_password() -> None:
    stored = await PasswordHasher(cost=CHEAP, pepper=b"p" * 32).hash(Secret("correct horse"))
    assert (
        await PasswordHasher(cost=CHEAP, pepper=b"p" * 32).verify(Secret("correct horse"), stored)
    ).matches
    assert not (await PasswordHasher(cost=CHEAP).verify(Secret("correct horse"), stored)).matches


async def test_the_stored_form_is_the_documented_one() -> None:
    # Independent of the code: base64(HMAC-SHA256("spoold-pw-v1", NFC UTF-8)), computed with openssl.
    prehash = b"Hp689F+MxPA00eKNToDekRmOOtpJK1lkYFSLz3vIxOA="
    stored = bcrypt.hashpw(prehash, bcrypt.gensalt(CHEAP)).decode()
    assert (await PasswordHasher(cost=CHEAP).verify(Secret("correct horse"), stored)).matches


async def test_nobody_costs_as_much_as_somebody(hasher: PasswordHasher) -> None:
    stored = await hasher.hash(Secret("correct horse"))
    before = hasher.computed
    await hasher.verify(Secret("wrong"), stored)
    assert hasher.computed == before + 1
    assert not (await hasher.verify_nobody(Secret("wrong"))).matches
    assert hasher.computed == before + 2


def test_the_cost_of_nobody_is_the_cost_of_new_hashes() -> None:
    assert PasswordHasher(cost=12)._nobody.startswith("$2b$12$")
    assert len(PasswordHasher(cost=12)._nobody) == len(bcrypt.hashpw(b"x", bcrypt.gensalt(CHEAP)))


@pytest.mark.parametrize("stored", ["", "x", "$2b$", "$2b$04$short", "plain", "$2b$99$" + "a" * 53, "\u00e9"])
async def test_a_damaged_record_is_said_to_be_one(hasher: PasswordHasher, stored: str) -> None:
    with pytest.raises(Unavailable, match="damaged"):
        await hasher.verify(Secret("correct horse"), stored)


async def test_work_beyond_the_queue_is_turned_away(
    monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    entered, leave = threading.Semaphore(0), threading.Event()

    def slow(password: bytes, salt: bytes) -> bytes:
        entered.release()
        leave.wait(120)
        return b"no"

    hasher = PasswordHasher(cost=CHEAP, workers=1, queue=2)
    monkeypatch.setattr(bcrypt, "hashpw", slow)
    for _ in range(3):
        nursery.start_soon(hasher.verify_nobody, Secret("correct horse"))
    await trio.to_thread.run_sync(entered.acquire)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(Busy):
        await hasher.verify_nobody(Secret("correct horse"))
    assert not entered.acquire(blocking=False), "one worker, one check at a time"
    leave.set()
    await trio.to_thread.run_sync(entered.acquire)
    await trio.to_thread.run_sync(entered.acquire)
    await trio.testing.wait_all_tasks_blocked()
    assert not (await hasher.verify_nobody(Secret("correct horse"))).matches


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("correct horse")
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>20}",
        repr({"p": secret}),
    ):
        assert "correct" not in shown
    assert secret.reveal() == "correct horse"
