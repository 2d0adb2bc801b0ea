"""A job as IPP shows it: states in registered words, times, and what only its owner reads."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from protocols.ipp.encoder import encode_group
from protocols.ipp.keywords import JobState as IppJobState
from protocols.ipp.message import Group
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag, ValueTag
from protocols.ipp.values import integer, keyword, name_
from spoold.database import jobs
from spoold.doors.ipp.job_attributes import STATES, state_attributes
from spoold.model.ids import UserId, new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import FINAL, JobState
from tests.support.clock import START
from tests.support.ipp_door import TEXT, IppHouse

S, I = JobState, IppJobState  # noqa: E741 - the two vocabularies side by side
# ipp reference 3.3: what was measured to set a client's queue free, and to keep the person informed.
EXPECTED = {
    S.RECEIVING: (I.PENDING, ("job-incoming", "job-data-insufficient")),
    S.INSPECTING: (I.PENDING, ("job-incoming",)),
    S.WAITING_APPROVAL: (I.PENDING_HELD, ("job-held-for-review",)),
    S.HELD: (I.PENDING_HELD, ("job-held-for-release", "job-release-wait")),
    S.RELEASING: (I.PROCESSING, ("job-outgoing",)),
    S.PRINTING: (I.PROCESSING, ("job-printing",)),
    S.UNKNOWN: (I.PENDING_HELD, ("job-held-for-release", "job-release-wait")),
    S.COMPLETED: (I.COMPLETED, ("job-completed-successfully",)),
    S.CANCELED: (I.CANCELED, ("job-canceled-by-user",)),
    S.EXPIRED: (I.CANCELED, ("job-canceled-at-device",)),
    S.ABORTED: (I.ABORTED, ("aborted-by-system",)),
    S.QUARANTINED: (I.ABORTED, ("aborted-by-system", "document-format-error")),
}


def job(state: JobState, **fields: object) -> Job:
    made = Job(
        id=new_job_id(),
        number=12,
        queue="open",
        state=state,
        reason="Waiting for its owner to release it.",
        owner_id=UserId("id-ana"),
        claimed_name="ana",
        peer="192.0.2.9",
        protocol="ipp",
        created_at=START,
        changed_at=START,
        expires_at=START + timedelta(hours=4),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def words(found: Group, name: str) -> Sequence[str]:
    return found.strings(name)


def test_every_state_has_its_registered_word() -> None:
    assert set(STATES) == set(JobState)


@pytest.mark.parametrize("state", list(JobState))
def test_states(state: JobState) -> None:
    shown = Group(GroupTag.JOB, state_attributes(job(state)))
    expected, reasons = EXPECTED[state]
    assert (shown.integer("job-state"), words(shown, "job-state-reasons")) == (expected, reasons)
    assert shown.string("job-state-message") == "Waiting for its owner to release it."


def test_no_state_that_waits_for_a_person_blocks_a_client() -> None:
    """CUPS polls for ever, and keeps its queue blocked, at pending, processing and processing-stopped."""
    for state in (S.HELD, S.WAITING_APPROVAL, S.UNKNOWN):
        assert STATES[state][0] is I.PENDING_HELD
    for state in FINAL:
        assert STATES[state][0] in (I.CANCELED, I.ABORTED, I.COMPLETED)


def test_an_unclaimed_job_waits_for_somebody_to_sign_in() -> None:
    shown = Group(GroupTag.JOB, state_attributes(job(S.HELD, owner_id=None)))
    assert words(shown, "job-state-reasons")[-1] == "job-held-for-authorization"
    completed = Group(GroupTag.JOB, state_attributes(job(S.COMPLETED, owner_id=None)))
    assert "job-held-for-authorization" not in words(completed, "job-state-reasons")


def test_a_long_reason_is_cut_between_characters() -> None:
    shown = Group(GroupTag.JOB, state_attributes(job(S.HELD, reason="é" * 2000)))
    message = shown.string("job-state-message")
    assert message is not None
    assert 1000 < len(message.encode()) <= 1023
    assert set(message) == {"é"}


# -- through the door

_ALL = keyword("requested-attributes", "all")


async def shown_to(door: IppHouse, number: int, user: str | None, *, peer: str = "192.0.2.9") -> Group:
    reply = await door.ask(Operation.GET_JOB_ATTRIBUTES, _ALL, job=number, user=user, peer=peer)
    assert reply.status == 0
    return reply.job


async def test_only_the_owner_reads_the_name(door: IppHouse) -> None:
    """Staff see whose job it is, but not what it is called; the sending computer sees neither."""
    number = await door.held(user="ana")
    names = {
        user: (
            (await shown_to(door, number, user)).string("job-name"),
            (await shown_to(door, number, user)).string("job-originating-user-name"),
        )
        for user in ("ana", "oskar", "ada", None)
    }
    assert names == {
        "ana": ("Salaries 2026", "ana"),
        "oskar": ("private", "ana"),
        "ada": ("private", "ana"),
        None: ("private", "private"),
    }


async def test_whoever_signs_in_under_the_claimed_name_reads_it(door: IppHouse) -> None:
    number = await door.held()
    assert (await shown_to(door, number, "ana", peer="192.0.2.99")).string("job-name") == "Salaries 2026"
    reply = await door.ask(Operation.GET_JOB_ATTRIBUTES, _ALL, job=number, user="ben", peer="192.0.2.99")
    assert reply.status == 0x0406


async def test_uris_are_the_client_s(door: IppHouse) -> None:
    """Scheme and name as the client reaches us, or it could not follow them."""
    number = await door.held()
    secure = await shown_to(door, number, None)
    assert secure.string("job-uri") == f"ipps://print.example.org:631/ipp/print/open/{number}"
    assert secure.string("job-printer-uri") == "ipps://print.example.org:631/ipp/print/open"
    reply = await door.ask(Operation.GET_JOB_ATTRIBUTES, _ALL, job=number, tls=False)
    assert reply.job.string("job-uri") == f"ipp://print.example.org:631/ipp/print/open/{number}"


async def test_times_count_from_the_start_of_the_daemon(door: IppHouse) -> None:
    """RFC 8011 5.3.14: at least 1 for what happened since then, 0 or less for what was before."""
    number = await door.held()
    shown = await shown_to(door, number, None)
    assert shown.integer("time-at-creation") == 1
    completed = shown.get("time-at-completed")
    assert completed is not None
    assert completed.values[0].tag == ValueTag.NO_VALUE
    door.door.attributes.started_at += timedelta(seconds=100)
    assert (await shown_to(door, number, None)).integer("time-at-creation") in (-100, -99)


async def test_pages_are_unknown_until_they_are_counted(door: IppHouse) -> None:
    number = await door.held()
    pages = (await shown_to(door, number, None)).get("job-impressions")
    assert pages is not None
    assert pages.values[0].tag == ValueTag.NO_VALUE


async def test_no_attribute_is_shown_twice(door: IppHouse) -> None:
    number = await door.held()
    names = [attribute.name for attribute in await shown_to(door, number, "ana")]
    assert len(names) == len(set(names))


async def test_only_what_is_asked_for_is_answered(door: IppHouse) -> None:
    number = await door.held()
    asked = keyword("requested-attributes", "job-state", "job-k-octets", "smell")
    reply = await door.ask(Operation.GET_JOB_ATTRIBUTES, asked, job=number)
    assert {attribute.name for attribute in reply.job} == {"job-state", "job-k-octets"}


async def test_what_was_asked_for_is_told_with_the_queue_s_defaults(door: IppHouse) -> None:
    """PWG 5100.13 wants the settings a job is printed with, not only those that the client named."""
    reply = await door.ask(
        Operation.PRINT_JOB,
        queue="open",
        document=[TEXT],
        template=[keyword("sides", "two-sided-long-edge"), integer("copies", 2)],
    )
    number = reply.job.integer("job-id")
    assert number is not None
    shown = await shown_to(door, number, None)
    assert (shown.string("sides"), shown.integer("copies")) == ("two-sided-long-edge", 2)
    assert shown.string("media") is not None
    assert shown.integer("print-quality") == 4
    template = keyword("requested-attributes", "job-template")
    only = (await door.ask(Operation.GET_JOB_ATTRIBUTES, template, job=number)).job
    assert {"sides", "copies", "media"} <= {attribute.name for attribute in only}
    assert not {"job-id", "job-state", "job-name"} & {attribute.name for attribute in only}
    rest = keyword("requested-attributes", "job-description")
    without = (await door.ask(Operation.GET_JOB_ATTRIBUTES, rest, job=number)).job
    assert "sides" not in without
    assert "job-state" in without


async def test_sheets_follow_from_pages_sides_and_copies(door: IppHouse) -> None:
    number = await door.held()
    found = await door.job(number)
    template = encode_group(
        Group(GroupTag.JOB, (keyword("sides", "two-sided-short-edge"), integer("copies", 3)))
    )
    await door.house.database.write(
        lambda connection: jobs.update_job(connection, found.id, [S.HELD], pages=5, template=template)
    )
    shown = await shown_to(door, number, None)
    assert (shown.integer("job-pages"), shown.integer("job-impressions")) == (5, 5)
    assert shown.integer("job-media-sheets") == 9


async def test_what_says_something_about_a_person_is_theirs(door: IppHouse) -> None:
    number = await door.held(user="ana")
    found = await door.job(number)
    template = encode_group(Group(GroupTag.JOB, (name_("job-recipient-name", "The works council"),)))
    await door.house.database.write(
        lambda connection: jobs.update_job(connection, found.id, [S.HELD], template=template)
    )
    seen = {user: (await shown_to(door, number, user)).string("job-recipient-name") for user in ("ana", None)}
    assert seen == {"ana": "The works council", None: "private"}


def test_a_job_with_a_pin_waits_for_it() -> None:
    template = encode_group(Group(GroupTag.JOB, (keyword("job-release-action", "job-password"),)))
    shown = Group(GroupTag.JOB, state_attributes(job(S.HELD, template=template)))
    assert "job-password-wait" in words(shown, "job-state-reasons")


def test_clients_that_cannot_take_a_held_job_are_told_that_it_is_done() -> None:
    shown = Group(GroupTag.JOB, state_attributes(job(S.HELD), as_completed=True))
    assert shown.integer("job-state") == I.COMPLETED
    printing = Group(GroupTag.JOB, state_attributes(job(S.PRINTING), as_completed=True))
    assert printing.integer("job-state") == I.PROCESSING
