"""Approval: who decides, once and for all, with words for the owner; and paper never comes of it."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from policy.rules import RuleSource
from protocols.ipp.values import integer, keyword
from spoold.database.approvals import approvals_of
from spoold.intake.changes import Change, JobChanges
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, RefusedByPolicy, Unavailable
from spoold.model.ids import new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role
from spoold.model.queue import Release
from spoold.release.approvals import MAX_REASON_CHARACTERS, one_line
from spoold.release.gate import NeedsApproval
from tests.support.release_house import TITLE_MARKER, House, open_house, queue

NIGHT = RuleSource(
    "at-the-lobby", 'printer.name == "lobby"', stage="release", hold="Ask at the desk.", approvers=("desk",)
)


async def approvable(house: House, *approvers: str) -> Job:
    """A job of ana's that waits."""
    return await house.wants(await house.add_job(house.person("ana")), *approvers)


async def test_an_approved_job_is_held_and_its_owner_releases_it(tmp_path: Path) -> None:
    """Nothing prints by an approval; the owner reads who gave it."""
    async with open_house(tmp_path) as house:
        ana, tom = house.person("ana"), house.person("tom", "teachers")
        job = await approvable(house, "teachers")
        moved = await house.decisions.approvals.approve(tom, job.id)
        await trio.testing.wait_all_tasks_blocked()
        assert (moved.state, moved.reason) == (
            JobState.HELD,
            "Approved by tom. Waiting for its owner to release it.",
        )
        assert house.memory("lobby").paper == []
        with pytest.raises(NotFound):
            await house.desk.release(tom, job.id, "lobby")
        await house.desk.release(ana, job.id, "lobby")
        assert (await house.settled(job)).state is JobState.COMPLETED
        assert [line.event for line in await house.desk.timeline(ana, job.id)][:1] == ["approved"]


async def test_a_refused_job_is_destroyed_and_its_owner_reads_why(tmp_path: Path) -> None:
    """The reason is the owner's to read, and is nowhere in the evidence."""
    async with open_house(tmp_path) as house:
        ana, tom = house.person("ana"), house.person("tom", "teachers")
        job = await approvable(house, "teachers")
        moved = await house.decisions.approvals.refuse(tom, job.id, " In  black,\nplease. ")
        assert (moved.state, moved.reason) == (JobState.ABORTED, "Refused by tom: In black, please.")
        assert moved.wrapped_key is None
        assert all(one.wrapped_key is None for one in await house.service.ledger.documents(job.id))
        view = await house.desk.job(ana, job.id)
        assert view.job.reason == moved.reason
        audit = await house.audit()
        assert [(one["kind"], one["actor"], one["owner"]) for one in audit] == [
            ("job-refused", "id-tom", "id-ana"),
            ("approval-decided", "id-tom", "id-ana"),
        ]
        assert (audit[1]["verdict"], audit[1]["rules"]) == ("refused", ["long"])
        assert "black" not in str(audit)


@pytest.mark.parametrize("reason", ["", "   ", "\x00\u200b\n", "x" * (MAX_REASON_CHARACTERS + 1)])
async def test_a_refusal_says_why(reason: str, tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await approvable(house, "teachers")
        with pytest.raises(NotPossible):
            await house.decisions.approvals.refuse(house.person("tom", "teachers"), job.id, reason)
        assert await house.job(job) == job


def test_what_was_typed_is_one_line() -> None:
    """Control characters, line ends and what turns the writing round are left out."""
    assert one_line("\u202egnorw\r\nand\x00 more\u2028") == "gnorw and more"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("approvers", [(), ("teachers",), ("user:ana",)])
async def test_nobody_approves_their_own_job(role: Role, approvers: tuple[str, ...], tmp_path: Path) -> None:
    """Neither as one who is named, nor as an administrator, nor for a job that is only claimed."""
    async with open_house(tmp_path) as house:
        ana = house.person("ana", "teachers", role=role)
        for owner in (ana, None):
            job = await house.wants(await house.add_job(owner, claimed="ana"), *approvers)
            with pytest.raises((NotAuthorized, NotFound)):
                await house.decisions.approvals.approve(ana, job.id)
            with pytest.raises((NotAuthorized, NotFound)):
                await house.decisions.approvals.refuse(ana, job.id, "Because.")
            assert await house.job(job) == job
        assert await house.decisions.approvals.waiting(ana) == []


async def test_whoever_is_not_named_hears_of_nothing(tmp_path: Path) -> None:
    """A job that waits for others and one that does not exist are answered alike."""
    async with open_house(tmp_path) as house:
        job = await approvable(house, "teachers")
        for who in (house.person("ben"), house.person("ada", role=Role.ADMINISTRATOR)):
            said = []
            for job_id in (job.id, new_job_id()):
                with pytest.raises(NotFound) as caught:
                    await house.decisions.approvals.approve(who, job_id)
                said.append(caught.value.public)
            assert said[0] == said[1]
        assert await house.job(job) == job


async def test_without_names_operators_and_administrators_decide(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await approvable(house)
        with pytest.raises(NotFound):
            await house.decisions.approvals.approve(house.person("ben"), job.id)
        moved = await house.decisions.approvals.approve(house.person("olga", role=Role.OPERATOR), job.id)
        assert moved.state is JobState.HELD


async def test_root_says_who_decides(tmp_path: Path) -> None:
    """The machine's administrator could be the owner: a decision needs somebody's name."""
    async with open_house(tmp_path) as house:
        job = await approvable(house)
        root = replace(house.person("root", role=Role.ADMINISTRATOR), method=Method.CONTROL_SOCKET)
        with pytest.raises(NotAuthorized):
            await house.decisions.approvals.approve(root, job.id)
        assert await house.decisions.approvals.waiting(root) == []


async def test_groups_count_as_they_are_now_and_nothing_is_decided_while_nobody_knows(
    tmp_path: Path,
) -> None:
    """A session from this morning does not make a teacher of somebody who is none any more."""
    async with open_house(tmp_path) as house:
        job = await approvable(house, "teachers")
        tom = house.person("tom", "teachers")

        async def no_teacher(principal: Principal) -> Principal:
            return replace(principal, groups=frozenset())

        async def silent(_principal: Principal) -> Principal:
            raise Unavailable("The directory does not answer.")

        house.confirm = no_teacher
        with pytest.raises(NotFound):
            await house.decisions.approvals.approve(tom, job.id)
        house.confirm = silent
        with pytest.raises(Unavailable):
            await house.decisions.approvals.approve(tom, job.id)
        assert await house.job(job) == job


async def test_two_who_decide_at_once(tmp_path: Path) -> None:
    """Exactly one decision counts, whichever; the others read what it was."""
    async with open_house(tmp_path) as house:
        people = [house.person(f"t{number}", "teachers") for number in range(6)]
        for _ in range(20):
            job = await approvable(house, "teachers")
            done, said = [], []

            async def decide(number: int, who: Principal, job: Job = job) -> None:
                desk = house.decisions.approvals
                try:
                    if number % 2:
                        await desk.refuse(who, job.id, "No.")
                    else:
                        await desk.approve(who, job.id)
                    done.append(who.name)  # noqa: B023
                except NotPossible as error:
                    said.append(error.public)  # noqa: B023

            async with trio.open_nursery() as nursery:
                for number, who in enumerate(people):
                    nursery.start_soon(decide, number, who)
            assert (len(done), len(said)) == (1, 5)
            now = await house.job(job)
            assert done[0] in now.reason
            assert all(now.reason in words or "changed" in words for words in said)
        decided = [one for one in await house.audit() if one["kind"] == "approval-decided"]
        assert len(decided) == 20


@pytest.mark.parametrize("shown", [False, True])
async def test_an_approver_sees_the_job_s_name_where_the_queue_shows_it(shown: bool, tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        named = replace(queue("secure", "lobby"), show_names_to_approvers=shown)
        house.change_site(queues={"secure": named})
        job = await approvable(house, "teachers")
        (waiting,) = await house.decisions.approvals.waiting(house.person("tom", "teachers"))
        assert waiting.view.job.id == job.id
        assert (waiting.view.title == TITLE_MARKER) is shown
        assert (waiting.owner, waiting.verified, waiting.rules) == ("ana", True, ("long",))
        assert not waiting.view.own
        assert await house.decisions.approvals.waiting(house.person("ben")) == []


async def test_an_approval_ends_with_its_job(tmp_path: Path) -> None:
    """What was deleted or has expired waits for nobody, and is not decided on."""
    async with open_house(tmp_path) as house:
        job = await approvable(house, "teachers")
        tom = house.person("tom", "teachers")
        await house.desk.cancel(house.person("ana"), job.id)
        assert await house.decisions.approvals.waiting(tom) == []
        with pytest.raises(NotPossible):
            await house.decisions.approvals.approve(tom, job.id)


async def test_a_job_of_a_queue_that_prints_by_itself_waits_for_its_owner_once_approved(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, queues=[queue("secure", "lobby", release=Release.ON_ARRIVAL)]) as house:
        job = await house.wants(await house.add_job(house.person("ana"), on_arrival=True), "teachers")
        await house.decisions.approvals.approve(house.person("tom", "teachers"), job.id)
        assert await house.service.arrivals.look() == 0
        assert (await house.job(job)).state is JobState.HELD
        assert house.memory("lobby").paper == []


async def test_a_rule_about_the_printer_holds_at_release(tmp_path: Path) -> None:
    """The job waits from then on, goes once it is approved, and is not held for the same rule again."""
    async with open_house(tmp_path, rules=[NIGHT]) as house:
        ana, desk = house.person("ana"), house.person("dora", "desk")
        job = await house.add_job(ana)
        with pytest.raises(NeedsApproval) as caught:
            await house.desk.release(ana, job.id, "lobby")
        assert caught.value.public == (
            "Ask at the desk. It waits for approval now; release it again once it is approved."
        )
        assert (await house.job(job)).state is JobState.WAITING_APPROVAL
        with pytest.raises(NotPossible):
            await house.desk.release(ana, job.id, "lobby")
        assert house.memory("lobby").paper == []
        (waiting,) = await house.decisions.approvals.waiting(desk)
        assert waiting.rules == ("at-the-lobby",)
        await house.decisions.approvals.approve(desk, job.id)
        await house.desk.release(ana, job.id, "lobby")
        assert (await house.settled(job)).state is JobState.COMPLETED


async def test_an_approval_for_one_rule_does_not_satisfy_another(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=[NIGHT]) as house:
        ana = house.person("ana")
        job = await approvable(house, "teachers")
        await house.decisions.approvals.approve(house.person("tom", "teachers"), job.id)
        with pytest.raises(NeedsApproval):
            await house.desk.release(ana, job.id, "lobby")


async def test_nobody_s_approval_counts_for_a_job_that_becomes_theirs(tmp_path: Path) -> None:
    """Whoever approves a job that was only claimed does not release it under their own approval."""
    async with open_house(tmp_path, rules=[NIGHT]) as house:
        job = await house.wants(await house.add_job(None, claimed="zoe"), "desk", rules=("at-the-lobby",))
        dora = house.person("dora", "desk")
        await house.decisions.approvals.approve(dora, job.id)
        await house.service.ledger.change(job.id, [JobState.HELD], owner_id=dora.id)
        with pytest.raises(NeedsApproval):
            await house.desk.release(dora, job.id, "lobby")


async def test_a_job_of_nobody_s_that_goes_by_a_pin_is_not_approved(tmp_path: Path) -> None:
    """Whoever sent it under an invented name could approve it, and release it by its PIN."""
    async with open_house(tmp_path) as house:
        by_pin = (keyword("job-release-action", "job-password"),)
        job = await house.wants(await house.add_job(None, claimed="phone", template=by_pin), "desk")
        dora = house.person("dora", "desk")
        with pytest.raises(NotPossible, match="nobody knows whose it is"):
            await house.decisions.approvals.approve(dora, job.id)
        assert (await house.job(job)).state is JobState.WAITING_APPROVAL
        assert (await house.decisions.approvals.refuse(dora, job.id, "Sign in.")).state is JobState.ABORTED


async def test_what_is_changed_after_the_approval_was_not_approved(tmp_path: Path) -> None:
    """New settings end the approval; a new name does not."""
    async with open_house(tmp_path, rules=[NIGHT]) as house:
        ana, dora = house.person("ana"), house.person("dora", "desk")
        job = await house.wants(await house.add_job(ana), "desk", rules=("at-the-lobby",))
        held = await house.decisions.approvals.approve(dora, job.id)
        changes = JobChanges(lambda: house.site, house.database, house.words, house.clock)
        kept = await changes.change(ana, house.site.queues["secure"], held, Change(title="Another"))
        assert await house.service.ledger.database.read(lambda c: approvals_of(c, job.id))
        await changes.change(ana, house.site.queues["secure"], kept, Change(settings=[integer("copies", 50)]))
        with pytest.raises(NeedsApproval):
            await house.desk.release(ana, job.id, "lobby")


async def test_a_rule_that_denies_is_not_asked_around(tmp_path: Path) -> None:
    """Approval satisfies rules that hold, and no others."""
    never = RuleSource("never", 'job.sides == "one-sided"', stage="release", deny="Both sides, please.")
    async with open_house(tmp_path, rules=[NIGHT, never]) as house:
        job = await house.wants(
            await house.add_job(house.person("ana")), "desk", rules=("at-the-lobby", "never")
        )
        await house.decisions.approvals.approve(house.person("dora", "desk"), job.id)
        with pytest.raises(RefusedByPolicy) as caught:
            await house.desk.release(house.person("ana"), job.id, "lobby")
        assert type(caught.value) is RefusedByPolicy
        two_sided = [keyword("sides", "two-sided-long-edge")]
        other = await house.wants(
            await house.add_job(house.person("ana"), template=two_sided), "desk", rules=("at-the-lobby",)
        )
        await house.decisions.approvals.approve(house.person("dora", "desk"), other.id)
        await house.desk.release(house.person("ana"), other.id, "lobby")
