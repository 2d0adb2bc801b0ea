"""PINs: what may be one, what is kept of it, and that it shows itself nowhere."""

import hashlib

import pytest

from spoold.identity.passwords import PasswordHasher
from spoold.identity.pins import MAX_PIN_OCTETS, METHODS, MIN_PIN_OCTETS, Pin, PinKeeper
from spoold.model.errors import Unavailable

PIN = "4711-canary"


@pytest.fixture
def keeper() -> PinKeeper:
    return PinKeeper(PasswordHasher(cost=4))


def by_client(text: str, method: str) -> Pin:
    """What a client sends that hashes."""
    names = {"sha2-256": "sha256", "sha2-384": "sha384", "sha2-512": "sha512"}
    return Pin(hashlib.new(names.get(method, method.replace("-", "_")), text.encode()).digest(), method)


@pytest.mark.parametrize("method", METHODS)
async def test_a_pin_is_found_again_however_the_client_sent_it(keeper: PinKeeper, method: str) -> None:
    sent = Pin.typed(PIN) if method == "none" else by_client(PIN, method)
    assert sent.trouble() == ""
    kept = await keeper.keep(sent)
    assert await keeper.matches(Pin.typed(PIN), kept)
    assert await keeper.matches(sent, kept)
    assert not await keeper.matches(Pin.typed(PIN + "2"), kept)


async def test_a_clear_pin_is_found_by_a_client_that_hashes(keeper: PinKeeper) -> None:
    assert await keeper.matches(by_client(PIN, "sha2-256"), await keeper.keep(Pin.typed(PIN)))


async def test_octets_of_one_method_are_not_taken_for_another(keeper: PinKeeper) -> None:
    kept = await keeper.keep(by_client(PIN, "sha2-256"))
    digest = hashlib.sha256(PIN.encode()).digest()
    assert not await keeper.matches(Pin(digest, "sha3-256"), kept)
    assert not await keeper.matches(Pin(digest, "none"), kept)


async def test_what_is_kept_is_slow_salted_and_not_the_pin(keeper: PinKeeper) -> None:
    first, second = [await keeper.keep(Pin.typed(PIN)) for _ in range(2)]
    assert first != second
    assert first.startswith("sha2-256 $2b$")
    assert PIN not in first
    assert hashlib.sha256(PIN.encode()).hexdigest() not in first


async def test_where_there_is_no_pin_the_same_work_is_done() -> None:
    hasher = PasswordHasher(cost=4)
    assert not await PinKeeper(hasher).matches(Pin.typed(PIN), None)
    assert hasher.computed == 1


async def test_what_cannot_be_read_matches_nothing(keeper: PinKeeper) -> None:
    for damaged in ("", "sha2-256", "md5 x", "sha2-256 x"):
        with pytest.raises(Unavailable):
            await keeper.matches(Pin.typed(PIN), damaged)


@pytest.mark.parametrize(
    ("pin", "fits"),
    [
        (Pin(b"1" * (MIN_PIN_OCTETS - 1)), False),
        (Pin(b"1" * MIN_PIN_OCTETS), True),
        (Pin(b"1" * MAX_PIN_OCTETS), True),
        (Pin(b"1" * (MAX_PIN_OCTETS + 1)), False),
        (Pin(b"12 4"), False),
        (Pin(b"12\x004"), False),
        (Pin("1\u00fc34".encode()), False),
        (Pin(b"1" * 32, "sha2-256"), True),
        (Pin(b"1" * 31, "sha2-256"), False),
        (Pin(b"1" * 32, "sha-256"), False),
        (Pin(b"1" * 16, "md5"), False),
    ],
)
def test_what_may_be_a_pin(pin: Pin, fits: bool) -> None:
    assert (pin.trouble() == "") == fits


def test_a_pin_does_not_show_itself() -> None:
    pin = Pin.typed(PIN)
    assert PIN not in f"{pin} {pin!r} {pin.hashed('sha2-256')} {pin.hashed('sha2-256')!r}"


def test_only_registered_names_are_offered() -> None:
    assert METHODS[0] == "none"
    assert {"sha-256", "md5", "sha"}.isdisjoint(METHODS)
