"""Challenges: ours, for one purpose, in time, and once."""

import pytest

from spoold.identity.challenges import LIFE_S, Challenges
from spoold.model.errors import NotAuthenticated
from tests.support.clock import FakeClock


def is_good(challenges: Challenges, challenge: bytes, purpose: str = "show", about: str = "a") -> bool:
    try:
        challenges.redeem(challenge, purpose, about)
    except NotAuthenticated:
        return False
    return True


def test_good_once() -> None:
    challenges = Challenges(FakeClock())
    challenge = challenges.new("show", "a")
    assert is_good(challenges, challenge)
    assert not is_good(challenges, challenge)
    assert is_good(challenges, challenges.new("show", "a"))


def test_good_for_five_minutes() -> None:
    clock = FakeClock()
    challenges = Challenges(clock)
    first, second = challenges.new("show", "a"), challenges.new("show", "a")
    clock.advance(LIFE_S - 0.01)
    assert is_good(challenges, first)
    clock.advance(0.01)
    assert not is_good(challenges, second)


@pytest.mark.parametrize(("purpose", "about"), [("make", "a"), ("show", "b"), ("showa", ""), ("sho", "wa")])
def test_good_for_what_it_was_made_for(purpose: str, about: str) -> None:
    challenges = Challenges(FakeClock())
    assert not is_good(challenges, challenges.new("show", "a"), purpose, about)


def test_nobody_makes_one() -> None:
    clock = FakeClock()
    challenges, others = Challenges(clock), Challenges(clock)
    real = challenges.new("show", "a")
    for wrong in (b"", b"x" * 31, bytes(56), others.new("show", "a"), real + b"x", real[:-1]):
        assert not is_good(challenges, wrong)
    for place in range(len(real)):
        changed = bytearray(real)
        changed[place] ^= 1
        assert not is_good(challenges, bytes(changed))
    assert is_good(challenges, real)


def test_asking_for_many_pushes_nobody_out() -> None:
    challenges = Challenges(FakeClock())
    first = challenges.new("sign-in")
    for _ in range(100_000):
        challenges.new("sign-in")
    challenges.redeem(first, "sign-in")
