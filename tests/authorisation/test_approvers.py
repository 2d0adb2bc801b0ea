"""A rule that names its approvers: they may approve and nothing else; everybody else may what they are."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import name_
from spoold.model.access import ALLOWED, Action, Standing
from spoold.model.jobstate import JobState
from tests.authorisation.spooler import DOCUMENT, Answer, Spooler, Target, Who
from tests.integration.daemon import CANARY_PASSWORD, CANARY_TITLE

# Both are people without any office; the rule of the queue "exams" names one, and a group of the other's.
NAMED, IN_GROUP, GROUP = "nina", "gina", "examiners"
USER = frozenset({Standing.USER})
# By name, what each is to a job of alice's that waits there. The rule names alice, too.
STANDINGS: Mapping[str, frozenset[Standing]] = {
    NAMED: USER | {Standing.APPROVER},
    IN_GROUP: USER | {Standing.APPROVER},
    "bob": USER,
    "oskar": USER | {Standing.OPERATOR},
    "ada": USER | {Standing.ADMINISTRATOR},
    "dora": USER | {Standing.DELEGATE},
    "alice": USER | {Standing.OWNER, Standing.APPROVER},
}
OWNER = "alice"


@dataclass(frozen=True)
class Call:
    """A call about the job that waits.

    Args:
        becomes: the job's state when the caller may; None: nothing changes.
        answer: the status when the caller may.
    """

    method: str
    path: str
    action: Action
    body: bytes = b""
    answer: int = 200
    becomes: JobState | None = None


CALLS = {
    "list": Call("GET", "/api/v1/approvals", Action.READ_APPROVALS),
    "read": Call("GET", "/api/v1/jobs/{id}", Action.READ_JOB),
    "approve": Call(
        "POST", "/api/v1/approvals/{id}", Action.APPROVE, b'{"verdict": "approved"}', becomes=JobState.HELD
    ),
    "refuse": Call(
        "POST",
        "/api/v1/approvals/{id}",
        Action.APPROVE,
        b'{"verdict": "refused", "reason": "Not now."}',
        becomes=JobState.ABORTED,
    ),
    # Whoever may release hears that it waits for somebody else.
    "release": Call("POST", "/api/v1/jobs/{id}/release", Action.RELEASE, b'{"printer": "out"}', answer=409),
    "delete": Call("DELETE", "/api/v1/jobs/{id}", Action.CANCEL, becomes=JobState.CANCELED),
}


@pytest.fixture(scope="module", name="examiners", autouse=True)
def _examiners(spooler: Spooler) -> None:
    spooler.daemon.add_user(NAMED)
    spooler.daemon.add_user(IN_GROUP, groups=[GROUP])


def waiting_job(spooler: Spooler) -> Target:
    """Have alice print what has to be approved by the people that the rule names."""
    title = f"{CANARY_TITLE}-of-an-exam"
    answer = spooler.ipp(
        Who.OWNER, Operation.PRINT_JOB, name_("job-name", title), queue="exams", document=DOCUMENT
    )
    assert answer.message is not None
    number = answer.message.group(GroupTag.JOB).integer("job-id")
    assert number is not None
    target = Target(spooler.row(number), title)
    assert target.job.state is JobState.WAITING_APPROVAL
    return target


def ask(spooler: Spooler, name: str, call: Call, target: Target) -> Answer:
    """Ask the API as somebody, by name and password."""
    proof = base64.b64encode(f"{name}:{CANARY_PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {proof}"} | (
        {"Content-Type": "application/json"} if call.body else {}
    )
    return spooler.web(
        Who.ANONYMOUS, call.method, call.path.format(id=target.id), body=call.body, headers=headers
    )


@pytest.mark.parametrize("wanted", CALLS)
@pytest.mark.parametrize("name", STANDINGS)
def test_what_waits_for_named_approvers(spooler: Spooler, name: str, wanted: str) -> None:
    call, target = CALLS[wanted], waiting_job(spooler)
    try:
        with spooler.watched() as changes:
            answer = ask(spooler, name, call, target)
        # What it is called is the owner's alone: this queue shows no names to approvers.
        assert not answer.holds(target.title) or name == OWNER
        approves = Standing.APPROVER in STANDINGS[name] and name != OWNER
        if wanted == "list":
            assert (answer.status, answer.holds(target.id)) == (200, approves)
            assert changes.none
            return
        reads = not ALLOWED[Action.READ_JOB].isdisjoint(STANDINGS[name])
        if call.action is Action.APPROVE:
            is_allowed, refusal = approves, 403 if name == OWNER else 404
        else:
            is_allowed = reads and not ALLOWED[call.action].isdisjoint(STANDINGS[name])
            refusal = 403 if reads else 404
        assert answer.status == (call.answer if is_allowed else refusal), answer.body
        if is_allowed and call.becomes is not None:
            assert spooler.state(target) is call.becomes
            assert changes.jobs == {target.id}
        else:
            assert changes.none
    finally:
        spooler.destroy(target)
