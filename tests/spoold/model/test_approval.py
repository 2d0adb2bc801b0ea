"""Who is named by a rule, and for whom an approval holds good."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from spoold.model.access import Standing
from spoold.model.approval import Approval, Verdict, approved_rules, names, standing_of_approver
from spoold.model.ids import UserId, new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WANTED = Approval("a1", new_job_id(), ("long",), (("teachers", "user:Ana"),), NOW)


def _person(name: str, *groups: str, role: Role = Role.USER) -> Principal:
    return Principal(UserId(f"id-{name}"), name, frozenset(groups), role, Method.SESSION, NOW)


def _job(owner: str | None) -> Job:
    return Job(
        id=WANTED.job_id,
        number=1,
        queue="q",
        state=JobState.HELD,
        reason="",
        owner_id=None if owner is None else UserId(f"id-{owner}"),
        claimed_name="zoe",
        peer="192.0.2.7",
        protocol="ipp",
        created_at=NOW,
        changed_at=NOW,
        expires_at=NOW,
    )


def test_groups_and_people_are_named() -> None:
    """A name that looks like a group is a group; people are marked, and compared as accounts are."""
    approvers = ("teachers", "user:Ana")
    assert names(approvers, _person("ben", "teachers"))
    assert names(approvers, _person("ana"))
    assert names(approvers, _person("eve", "Teachers"))
    assert names(("TEACHERS",), _person("ben", "teachers"))
    assert not names(approvers, _person("teachers"))
    assert not names(approvers, _person("cid", "user:Ana", "pupils"))
    assert not names(approvers, _person("ada", role=Role.ADMINISTRATOR))


def test_without_names_the_staff_approves() -> None:
    """Operators and administrators, and nobody else."""
    assert [names((), _person("ben", role=role)) for role in Role] == [False, True, True]


def test_whoever_approves_is_named_by_every_rule() -> None:
    """A teacher who may approve long jobs does not thereby approve colour."""
    both = replace(WANTED, rules=("long", "colour"), approvers=(("teachers",), ("heads",)))
    one = standing_of_approver(_person("ben", "teachers"), both, shows_names=False)
    two = standing_of_approver(_person("eve", "teachers", "heads"), both, shows_names=False)
    assert not one
    assert two == {Standing.APPROVER}


def test_root_is_nobody_in_particular() -> None:
    """Whoever runs a command as root could be the owner."""
    root = replace(_person("root", role=Role.ADMINISTRATOR), method=Method.CONTROL_SOCKET)
    assert standing_of_approver(root, replace(WANTED, approvers=((),)), shows_names=True) == frozenset()


@pytest.mark.parametrize(
    ("verdict", "owner", "releaser", "counts"),
    [
        (Verdict.APPROVED, "zoe", "zoe", True),
        (Verdict.APPROVED, None, "zoe", True),
        (Verdict.APPROVED, None, "ana", False),
        (Verdict.APPROVED, "ana", "zoe", False),
        (Verdict.REFUSED, "zoe", "zoe", False),
        (None, "zoe", "zoe", False),
    ],
)
def test_nobody_s_approval_counts_for_a_job_of_their_own(
    verdict: Verdict | None, owner: str | None, releaser: str, counts: bool
) -> None:
    """Not even for one that became theirs afterwards."""
    decided = replace(WANTED, verdict=verdict, decided_by=None if verdict is None else UserId("id-ana"))
    found = approved_rules([decided], _job(owner), _person(releaser))
    assert found == (frozenset({"long"}) if counts else frozenset())
