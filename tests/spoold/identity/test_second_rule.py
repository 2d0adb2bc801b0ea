"""Who has to show a second factor, and what a password alone is good for."""

from dataclasses import replace

import pytest

from spoold.identity.second_rule import WHO_MUST, SecondFactorNeeded, SecondRule
from spoold.model.errors import NotAuthorized
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role
from tests.support.clock import START


def person(role: Role = Role.USER, method: Method = Method.PASSWORD) -> Principal:
    return Principal(UserId("alice"), "alice", frozenset(), role, method, START)


@pytest.mark.parametrize("setting", WHO_MUST)
@pytest.mark.parametrize("role", Role)
def test_who_must(setting: str, role: Role) -> None:
    must = {
        "off": set(),
        "administrators": {Role.ADMINISTRATOR},
        "staff": {Role.OPERATOR, Role.ADMINISTRATOR},
        "everyone": set(Role),
    }[setting]
    rule = SecondRule(lambda: setting)
    assert rule.is_missing(person(role)) == (role in must)
    assert not rule.is_missing(replace(person(role), second_at=START))


def test_whoever_has_one_shows_it() -> None:
    rule = SecondRule()
    rule.check(person())
    rule.note(UserId("alice"), enrolled=True)
    with pytest.raises(SecondFactorNeeded) as needed:
        rule.check(person())
    assert needed.value.enrolled
    rule.check(replace(person(), id=UserId("bob")))
    rule.note(UserId("alice"), enrolled=False)
    rule.check(person())


def test_whoever_must_and_has_none_sets_one_up() -> None:
    with pytest.raises(SecondFactorNeeded) as needed:
        SecondRule(lambda: "everyone").check(person())
    assert not needed.value.enrolled


# Method by method, so that a new one has to be thought about.
ONE_FACTOR = {Method.BASIC, Method.PASSWORD, Method.SESSION, Method.KERBEROS, Method.OIDC}


@pytest.mark.parametrize("method", Method)
def test_which_proofs_are_two_factors_or_nobodys(method: Method) -> None:
    assert SecondRule(lambda: "everyone").is_missing(person(method=method)) == (method in ONE_FACTOR)


@pytest.mark.parametrize("role", Role)
def test_a_password_alone_holds_no_office_and_lets_nothing_out(role: Role) -> None:
    rule = SecondRule(lambda: "everyone")
    assert rule.bounded(person(role), fresh=False).role is Role.USER
    with pytest.raises(NotAuthorized, match="second factor"):
        rule.bounded(person(role), fresh=True)
    shown = replace(person(role), second_at=START)
    assert rule.bounded(shown, fresh=True) is shown
    assert SecondRule().bounded(person(role), fresh=True).role is role
