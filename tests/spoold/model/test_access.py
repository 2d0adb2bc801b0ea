"""The table of who may do what."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from spoold.model.access import ALLOWED, Action, Standing, may, standings
from spoold.model.ids import UserId, canonical_name, new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _person(name: str, role: Role = Role.USER) -> Principal:
    return Principal(UserId(f"id-{name}"), name, frozenset(), role, Method.BASIC, NOW)


def _job(owner: Principal | None, claimed: str = "ana", peer: str = "192.0.2.7") -> Job:
    return Job(
        id=new_job_id(),
        number=1,
        queue="q",
        state=JobState.HELD,
        reason="",
        owner_id=owner.id if owner else None,
        claimed_name=claimed,
        peer=peer,
        protocol="ipp",
        created_at=NOW,
        changed_at=NOW,
        expires_at=NOW,
    )


@pytest.mark.parametrize("role", Role)
def test_a_print_uri_is_good_for_its_jobs_and_for_nothing_else(role: Role) -> None:
    """Whatever its owner may do besides: the list is short, and new actions are not on it by accident."""
    ana = replace(_person("ana", role), method=Method.PRINT_URI)
    good = {action for action in Action if may(ana, action, _job(ana))}
    assert good == {
        Action.READ_QUEUE,
        Action.SUBMIT,
        Action.SUBSCRIBE,
        Action.READ_STATE,
        Action.READ_JOB,
        Action.SEND_DOCUMENT,
        Action.CANCEL,
        Action.CANCEL_INCOMING,
        Action.CANCEL_MINE,
    }


def test_every_action_is_declared() -> None:
    """An action nobody decided about would be open or closed by accident."""
    assert set(ALLOWED) == set(Action)


def test_only_the_owner_releases_and_reads_the_title() -> None:
    """Neither operators nor administrators release other people's jobs or read their names."""
    job = _job(_person("ana"))
    for role in Role:
        assert not may(_person("ben", role), Action.RELEASE, job)
        assert not may(_person("ben", role), Action.READ_TITLE, job)
    assert may(_person("ana"), Action.RELEASE, job)


def test_an_unclaimed_job_belongs_to_whoever_signs_in_under_its_name() -> None:
    """The claimed name selects the person; once claimed, only the account's id counts."""
    assert may(_person("ana"), Action.RELEASE, _job(None, claimed="Ana"))
    taken = _job(_person("ben"), claimed="ana")
    assert not may(_person("ana"), Action.RELEASE, taken)


def test_a_nameless_job_belongs_to_nobody() -> None:
    """An empty claimed name matches no account, not even one with an empty name."""
    assert not may(_person(""), Action.RELEASE, _job(None, claimed=""))


def test_the_sender_s_address_is_good_for_the_state_only() -> None:
    """Watching and completing one's own upload need no proof; everything else does."""
    job = _job(None)
    allowed = {action for action in Action if may(None, action, job, peer="192.0.2.7")}
    open_to_all = {action for action, who in ALLOWED.items() if Standing.ANONYMOUS in who}
    assert allowed - open_to_all == {
        Action.READ_STATE,
        Action.SEND_DOCUMENT,
        Action.CANCEL_INCOMING,
        Action.REMOVE_UNCLAIMED,
    }
    assert not may(None, Action.READ_STATE, job, peer="192.0.2.8")


def test_the_sender_s_address_cannot_touch_an_owned_job() -> None:
    """As soon as somebody was proven, the same address is not enough to add, cancel or remove."""
    job = _job(_person("ana"))
    for action in (Action.SEND_DOCUMENT, Action.CANCEL_INCOMING, Action.REMOVE_UNCLAIMED):
        assert not may(None, action, job, peer="192.0.2.7")
        assert not may(_person("ben"), action, job, peer="192.0.2.7")


def test_roles_are_told_apart() -> None:
    """Standings follow from the role and from ownership."""
    assert standings(None) == {Standing.ANONYMOUS}
    assert Standing.OPERATOR in standings(_person("o", Role.OPERATOR))
    assert Standing.OWNER in standings(_person("ana"), _job(_person("ana")))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Ana", "ana"),
        (" ana ", "ana"),
        ("\uff21\uff2e\uff21", "ana"),
        ("STRASSE", "straße"),
        ("\ufb01n", "fin"),
    ],
)
def test_names_that_look_alike_to_people_are_one(first: str, second: str) -> None:
    """Case and compatibility characters do not make another person; the form is stable."""
    assert canonical_name(first) == canonical_name(second)
    assert canonical_name(canonical_name(first)) == canonical_name(first)


_GIVEN = frozenset({Standing.DELEGATE, Standing.APPROVER, Standing.READER})


@pytest.mark.parametrize("role", list(Role))
def test_a_delegate_releases_and_does_nothing_else_of_the_owner_s(role: Role) -> None:
    """Beyond what the account may do anyway: see the job, its state and release it."""
    ben, job = _person("ben", role), _job(_person("ana"))
    before = {action for action in Action if may(ben, action, job)}
    after = {action for action in Action if may(ben, action, job, also=frozenset({Standing.DELEGATE}))}
    assert after - before <= {Action.READ_STATE, Action.READ_JOB, Action.RELEASE}
    assert Action.RELEASE in after
    assert not after & {Action.READ_TITLE, Action.CHANGE_JOB, Action.HOLD, Action.APPROVE, Action.USE_CODE}
    assert before <= after


@pytest.mark.parametrize("role", list(Role))
def test_nobody_approves_what_they_may_have_printed(role: Role) -> None:
    """Neither the owner nor a delegate approves, whatever they are named and whatever their role."""
    ana, ben = _person("ana", role), _person("ben", role)
    named = frozenset({Standing.APPROVER})
    assert may(ben, Action.APPROVE, _job(_person("ana")), also=named)
    assert not may(ana, Action.APPROVE, _job(ana), also=named)
    assert not may(ana, Action.APPROVE, _job(None, claimed="ana"), also=named)
    assert not may(ben, Action.APPROVE, _job(ana), also=named | {Standing.DELEGATE})
    assert not may(ben, Action.APPROVE, _job(ana))


def test_an_approver_neither_releases_nor_reads() -> None:
    """Approving is no way to somebody else's paper, nor to its name."""
    ben, job = _person("ben"), _job(_person("ana"))
    named = frozenset({Standing.APPROVER})
    assert not may(ben, Action.RELEASE, job, also=named)
    assert not may(ben, Action.READ_TITLE, job, also=named)
    assert may(ben, Action.READ_TITLE, job, also=named | {Standing.READER})


def test_what_is_given_to_a_person_is_nothing_to_nobody() -> None:
    """Without a proven person or a job nothing that was looked up counts."""
    assert standings(None, _job(None), also=_GIVEN) == {Standing.ANONYMOUS}
    assert not standings(_person("ben"), also=_GIVEN) & _GIVEN
