"""The cache of right passwords: exact, short-lived, bounded, forgetful."""

import pytest

from spoold.identity.cache import ProofCache
from spoold.identity.secret import Secret
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role
from tests.support.clock import START, FakeClock


def principal(name: str) -> Principal:
    return Principal(UserId(f"id-{name}"), name, frozenset(), Role.USER, Method.BASIC, START)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(clock: FakeClock) -> ProofCache:
    return ProofCache(clock, max_entries=3)


def test_only_the_very_same_is_found(cache: ProofCache) -> None:
    cache.remember("basic", "alice", Secret("correct horse"), 0, principal("alice"))
    assert cache.find("basic", "alice", Secret("correct horse")) == principal("alice")
    assert cache.find("basic", "alice", Secret("correct horsf")) is None
    assert cache.find("basic", "alic", Secret("ecorrect horse")) is None
    assert cache.find("pin", "alice", Secret("correct horse")) is None
    assert cache.find("basic", "bob", Secret("correct horse")) is None


def test_a_wrong_guess_does_not_evict_the_right_one(cache: ProofCache) -> None:
    cache.remember("basic", "alice", Secret("correct horse"), 0, principal("alice"))
    assert cache.find("basic", "alice", Secret("wrong")) is None
    assert cache.find("basic", "alice", Secret("correct horse")) is not None


def test_it_lasts_five_minutes_however_often_it_is_used(cache: ProofCache, clock: FakeClock) -> None:
    cache.remember("basic", "alice", Secret("correct horse"), 0, principal("alice"))
    for _ in range(3):
        clock.advance(99.9)
        assert cache.find("basic", "alice", Secret("correct horse")) is not None
    clock.advance(0.3)
    assert cache.find("basic", "alice", Secret("correct horse")) is None
    assert len(cache) == 0


def test_setting_the_wall_clock_does_not_lengthen_it(cache: ProofCache, clock: FakeClock) -> None:
    cache.remember("basic", "alice", Secret("correct horse"), 0, principal("alice"))
    clock.step_wall(-86_400)
    clock.advance(301)
    assert cache.find("basic", "alice", Secret("correct horse")) is None


def test_the_least_recently_used_goes_first(cache: ProofCache) -> None:
    for name in ("alice", "bob", "carol"):
        cache.remember("basic", name, Secret("correct horse"), 0, principal(name))
    assert cache.find("basic", "alice", Secret("correct horse")) is not None
    cache.remember("basic", "dave", Secret("correct horse"), 0, principal("dave"))
    assert cache.find("basic", "bob", Secret("correct horse")) is None
    assert cache.find("basic", "alice", Secret("correct horse")) is not None
    assert len(cache) == 3


def test_a_changed_account_is_forgotten_and_late_proofs_of_it_too(cache: ProofCache) -> None:
    cache.remember("basic", "alice", Secret("correct horse"), 0, principal("alice"))
    cache.forget("alice", 1)
    assert cache.find("basic", "alice", Secret("correct horse")) is None
    cache.remember("basic", "alice", Secret("correct horse"), 0, principal("alice"))
    assert cache.find("basic", "alice", Secret("correct horse")) is None
    cache.remember("basic", "alice", Secret("battery staple"), 1, principal("alice"))
    assert cache.find("basic", "alice", Secret("battery staple")) is not None


def test_another_form_of_the_name_is_forgotten_as_well(cache: ProofCache) -> None:
    """A directory's person signs in as "alice@lab.example", too, and is closed here under one name."""
    cache.remember("basic", "alice@lab.example", Secret("correct horse"), 0, principal("alice"))
    cache.forget("alice", 1)
    assert cache.find("basic", "alice@lab.example", Secret("correct horse")) is None
    # Neither does a check that was under way bring it back.
    cache.remember("basic", "alice@lab.example", Secret("correct horse"), 0, principal("alice"))
    assert cache.find("basic", "alice@lab.example", Secret("correct horse")) is None


def test_no_password_stays_in_it(cache: ProofCache) -> None:
    cache.remember("basic", "alice", Secret("correct horse"), 0, principal("alice"))
    assert "correct horse" not in repr(vars(cache))
    assert cache._tag("basic", "alice", Secret("x"), 0) != ProofCache(FakeClock())._tag(
        "basic", "alice", Secret("x"), 0
    )
