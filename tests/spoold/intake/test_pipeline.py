"""The pipeline: what becomes of a document on its way in, and what is left of it when it is refused."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
import trio

from policy.access import Access
from policy.engine import compile_rules
from policy.rules import RuleSource
from policy.setting import Setting
from protocols.ipp.values import integer, keyword
from spoold.database import jobs
from spoold.database.approvals import approvals_of
from spoold.database.obligations import obligations_of, watermarks_of
from spoold.intake.admission import MAX_NOTES_PER_ADDRESS
from spoold.intake.submission import Incoming
from spoold.model.errors import (
    Busy,
    NotAuthenticated,
    NotPossible,
    RefusedByPolicy,
    SpoolError,
    TooLarge,
    Unavailable,
    UnsupportedDocument,
)
from spoold.model.job import Job
from spoold.model.jobstate import JobEvent, JobState
from spoold.model.principal import Role
from spoold.model.queue import Release
from spoold.model.template import template_of
from spoold.model.watermark import NO_PDF_WORDS
from spoold.records import transitions
from spoold.runtime.limits import DaemonLimits
from tests.support.intake_house import IntakeHouse, incoming, pieces
from tests.support.pdfs import pdf
from tests.support.release_house import person

SMALL = b"A short letter.\n"
LARGE = b"A line of a long letter.\n" * 8_000


async def _all_jobs(house: IntakeHouse) -> list[Job]:
    return await house.database.read(jobs.list_jobs)


async def test_a_small_document_is_held_in_one_piece() -> None:
    """It is held, its title and content are sealed, and its container lies in the database."""
    house = IntakeHouse()
    job = await house.intake.submit(house.submission(person("ana")), incoming(SMALL))
    assert (job.state, job.documents, job.size_bytes) == (JobState.HELD, 1, len(SMALL))
    assert job.owner_id == person("ana").id
    assert house.words.title(job) == "Letter to the bank"
    (document,) = await house.database.read(lambda connection: jobs.documents_of(connection, job.id))
    assert document.inline is not None
    assert SMALL not in document.inline
    assert house.blobs.contents == {}


async def test_a_large_document_is_a_blob_before_it_is_a_row() -> None:
    """When the row is written, the container is complete already."""
    house = IntakeHouse()
    seen: list[int] = []
    house.database.before_write = lambda: seen.append(len(house.blobs.contents))
    await house.intake.submit(house.submission(), incoming(LARGE))
    assert seen == [1]


async def test_a_job_without_proof_is_unclaimed() -> None:
    """The claimed name is kept in its canonical form and makes nobody the owner."""
    house = IntakeHouse()
    job = await house.intake.submit(house.submission(name=" ANA "), incoming(SMALL))
    assert (job.owner_id, job.claimed_name) == (None, "ana")
    assert "sign in" in job.reason


@pytest.mark.parametrize("name", ["", "  ", "anonymous", "Anonymous"])
async def test_a_job_of_nobody_is_not_taken(name: str) -> None:
    """A name that any account could have would make that account the owner of strangers' jobs."""
    house = IntakeHouse()
    with pytest.raises(NotAuthenticated, match="Sign in"):
        await house.intake.submit(house.submission(name=name), incoming(SMALL))
    assert await _all_jobs(house) == []


@pytest.mark.parametrize(
    ("content", "declared", "kind"),
    [
        (b"", None, UnsupportedDocument),
        (b"\x00\x01\x02\xff" * 100, None, UnsupportedDocument),
        (SMALL, "application/pdf", UnsupportedDocument),
        (b"%!PS-Adobe-3.0\n", None, UnsupportedDocument),
        (b"x" * 1_000_001, None, TooLarge),
    ],
)
async def test_a_refused_document_leaves_nothing(
    content: bytes, declared: str | None, kind: type[SpoolError]
) -> None:
    """Neither a container nor a title; only a tombstone that tells its owner why."""
    house = IntakeHouse()
    with pytest.raises(kind) as caught:
        await house.intake.submit(house.submission(person("ana")), incoming(content, declared=declared))
    assert house.blobs.contents == {}
    assert house.blobs.unfinished == set()
    (tombstone,) = await _all_jobs(house)
    assert (tombstone.state, tombstone.reason) == (JobState.ABORTED, caught.value.public)
    assert (tombstone.private, tombstone.wrapped_key) == (None, None)


async def test_a_queue_s_formats_count() -> None:
    """What the spooler takes in general may still be refused by a queue."""
    house = IntakeHouse(formats=frozenset({"application/pdf"}))
    with pytest.raises(UnsupportedDocument):
        await house.intake.submit(house.submission(), incoming(SMALL))


async def test_records_that_cannot_be_written_refuse_and_clean_up() -> None:
    """No success without the commit, and no container without a row."""
    house = IntakeHouse()
    house.database.refusing = 1
    with pytest.raises(Unavailable):
        await house.intake.submit(house.submission(), incoming(LARGE))
    assert house.blobs.contents == {}
    assert await _all_jobs(house) == []


async def test_an_interrupted_upload_leaves_nothing() -> None:
    """A client that goes away in the middle of Print-Job was never answered, and nothing is kept."""
    house = IntakeHouse()

    async def breaks_off() -> AsyncIterator[bytes]:
        yield LARGE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await house.intake.submit(house.submission(), Incoming(breaks_off()))
    assert (house.blobs.contents, house.blobs.unfinished) == ({}, set())
    assert await _all_jobs(house) == []


# -- several documents --


async def test_documents_come_one_by_one() -> None:
    """Each is durable when answered; the job is held after the last."""
    house = IntakeHouse()
    submission = house.submission(person("ana"))
    job = await house.intake.create_job(submission)
    assert job.state is JobState.RECEIVING
    job = await house.intake.add_document(job, submission, incoming(SMALL), last=False)
    assert (job.state, job.documents) == (JobState.RECEIVING, 1)
    job = await house.intake.add_document(job, submission, incoming(LARGE), last=True)
    assert (job.state, job.documents, job.size_bytes) == (JobState.HELD, 2, len(SMALL) + len(LARGE))
    found = await house.database.read(lambda connection: jobs.documents_of(connection, job.id))
    assert [one.number for one in found] == [1, 2]


async def test_a_job_without_documents_is_aborted() -> None:
    """Closing an empty job says why nothing will come of it."""
    house = IntakeHouse()
    submission = house.submission()
    job = await house.intake.create_job(submission)
    ended = await house.intake.add_document(job, submission, None, last=True)
    assert ended.state is JobState.ABORTED
    assert "without a document" in ended.reason
    with pytest.raises(NotPossible):
        await house.intake.close(job.id, submission)


async def test_an_upload_cut_off_aborts_the_job() -> None:
    """A clean answer is impossible, so the job says that it did not arrive completely."""
    house = IntakeHouse()
    submission = house.submission()
    job = await house.intake.create_job(submission)

    async def breaks_off() -> AsyncIterator[bytes]:
        yield LARGE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await house.intake.add_document(job, submission, Incoming(breaks_off()), last=True)
    (ended,) = await _all_jobs(house)
    assert ended.state is JobState.ABORTED
    assert "completely" in ended.reason
    assert house.blobs.contents == {}


async def test_two_documents_at_once_are_refused() -> None:
    """The second one of the same job would share a number with the first."""
    house = IntakeHouse()
    submission = house.submission()
    job = await house.intake.create_job(submission)
    reached, go_on = trio.Event(), trio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield SMALL
        reached.set()
        await go_on.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_add, house, job, Incoming(slow()))
        await reached.wait()
        assert house.intake.is_busy_with(job.id)
        assert house.intake.is_active("q")
        with pytest.raises(Busy):
            await house.intake.add_document(job, submission, incoming(SMALL), last=True)
        go_on.set()
    assert not house.intake.is_busy_with(job.id)
    (held,) = await _all_jobs(house)
    assert (held.state, held.documents) == (JobState.HELD, 1)


async def _add(house: IntakeHouse, job: Job, document: Incoming) -> None:
    await house.intake.add_document(job, house.submission(), document, last=True)


async def test_a_cancel_during_the_upload_wins() -> None:
    """What arrives after the cancel is destroyed."""
    house = IntakeHouse()
    submission = house.submission()
    job = await house.intake.create_job(submission)

    async def cancelled_half_way() -> AsyncIterator[bytes]:
        yield LARGE
        await house.intake.cancel_incoming(job.id, actor="unclaimed:192.0.2.9")
        yield LARGE

    with pytest.raises(NotPossible):
        await house.intake.add_document(job, submission, Incoming(cancelled_half_way()), last=True)
    (ended,) = await _all_jobs(house)
    assert ended.state is JobState.CANCELED
    assert house.blobs.contents == {}


async def test_a_cancel_while_the_document_is_looked_at_wins() -> None:
    """The owner deletes the job in the portal; the client is told of a job that has ended."""
    rule = RuleSource("Short", "document.known && document.pages > 200", deny="Too long.")
    house = IntakeHouse(rules=[rule])
    submission = house.submission(person("ana"))
    job = await house.intake.create_job(submission)
    now = house.clock.now()

    async def cancel_meanwhile() -> None:
        await house.database.write(
            lambda connection: transitions.move(
                connection, job.id, JobEvent.CANCELED, words="Deleted.", actor="ana", now=now
            )
        )

    house.inspector.meanwhile = cancel_meanwhile
    ended = await house.intake.add_document(job, submission, incoming(pdf(3)), last=True)
    assert (ended.state, ended.reason) == (JobState.CANCELED, "Deleted.")


async def test_open_jobs_count_against_the_share() -> None:
    """Opening jobs without ever sending a document takes room like any other job."""
    house = IntakeHouse(limits=DaemonLimits(max_unclaimed_jobs_per_address=3))
    for _ in range(3):
        await house.intake.create_job(house.submission())
    with pytest.raises(Busy):
        await house.intake.create_job(house.submission())


async def test_refused_strangers_leave_few_rows() -> None:
    """A loop of empty documents from one address does not fill the records."""
    house = IntakeHouse()
    for _ in range(MAX_NOTES_PER_ADDRESS + 30):
        with pytest.raises(UnsupportedDocument):
            await house.intake.submit(house.submission(), incoming(b""))
    assert len(await _all_jobs(house)) == MAX_NOTES_PER_ADDRESS


async def test_a_row_that_cannot_be_written_leaves_no_container() -> None:
    """The document of an open job is destroyed again when its row is refused."""
    house = IntakeHouse()
    submission = house.submission()
    job = await house.intake.create_job(submission)
    house.database.refusing = 1
    with pytest.raises(Unavailable):
        await house.intake.add_document(job, submission, incoming(LARGE), last=True)
    assert house.blobs.contents == {}


# -- policy --


async def test_a_denial_keeps_the_reason_and_nothing_else() -> None:
    """The owner finds the rule's words; the document is gone."""
    rule = RuleSource("No long jobs", "job.size_bytes > 1000", deny="Print long documents in the office.")
    house = IntakeHouse(rules=[rule])
    with pytest.raises(RefusedByPolicy, match="in the office"):
        await house.intake.submit(house.submission(person("ana")), incoming(LARGE))
    (ended,) = await _all_jobs(house)
    assert (ended.state, ended.reason) == (JobState.ABORTED, "Print long documents in the office.")
    assert house.blobs.contents == {}
    held = await house.intake.submit(house.submission(person("ana")), incoming(SMALL))
    assert held.state is JobState.HELD


async def test_a_rule_can_hold_for_approval() -> None:
    """The job waits for somebody else, with the rule's words."""
    rule = RuleSource("Colour", 'job.color_mode == "color"', hold="Colour needs an approval.")
    house = IntakeHouse(rules=[rule])
    submission = house.submission(template=(keyword("print-color-mode", "color"),))
    job = await house.intake.submit(submission, incoming(SMALL))
    assert (job.state, job.reason) == (JobState.WAITING_APPROVAL, "Colour needs an approval.")


@pytest.mark.parametrize("at_once", [True, False])
async def test_whom_rules_name_is_written_with_the_job(at_once: bool) -> None:
    """However its documents come; every rule that holds is there, with its own people."""
    colour = RuleSource("Colour", 'job.color_mode == "color"', hold="Ask.", approvers=("heads", "user:una"))
    always = RuleSource("Always", "true", hold="Ask as well.")
    house = IntakeHouse(rules=[colour, always])
    submission = house.submission(person("ana"), template=(keyword("print-color-mode", "color"),))
    if at_once:
        job = await house.intake.submit(submission, incoming(SMALL))
    else:
        opened = await house.intake.create_job(submission)
        job = await house.intake.add_document(opened, submission, incoming(SMALL), last=True)
    (wanted,) = await house.database.read(lambda connection: approvals_of(connection, job.id))
    assert (wanted.rules, wanted.approvers) == (("Colour", "Always"), (("heads", "user:una"), ()))
    assert wanted.is_open


async def test_a_rule_sets_attributes_and_shortens_the_hold() -> None:
    """What the policy sets takes the place of what the client asked."""
    rule = RuleSource(
        "Save paper", "true", set_attributes={"sides": "two-sided-long-edge"}, expires_after_s=600
    )
    house = IntakeHouse(rules=[rule])
    template = (keyword("sides", "one-sided"), integer("copies", 3))
    job = await house.intake.submit(house.submission(template=template), incoming(SMALL))
    kept = {one.name: one.first for one in template_of(job)}
    assert kept == {"copies": 3, "sides": "two-sided-long-edge"}
    assert job.expires_at == house.clock.now() + timedelta(seconds=600)


async def test_rules_know_who_was_proven() -> None:
    """Groups count only for a proven person; a claimed name has none."""
    rule = RuleSource("Staff only", '!("staff" in user.groups)', deny="Only staff may print here.")
    house = IntakeHouse(rules=[rule])
    with pytest.raises(RefusedByPolicy):
        house.intake.validate(house.submission(name="ana"))
    with pytest.raises(RefusedByPolicy):
        house.intake.validate(house.submission(person("ana", role=Role.ADMINISTRATOR)))


async def test_the_inside_is_looked_at_first_only_if_a_rule_asks() -> None:
    """A rule about pages makes the client wait for the inspection; without one it happens afterwards."""
    plain = IntakeHouse()
    await plain.intake.submit(plain.submission(), incoming(pdf(3)))
    assert plain.inspector.asked == 0
    rule = RuleSource("Short", "document.known && document.pages > 2", deny="Two pages at most.")
    asking = IntakeHouse(rules=[rule])
    with pytest.raises(RefusedByPolicy, match="Two pages"):
        await asking.intake.submit(asking.submission(), incoming(pdf(3)))
    assert asking.inspector.asked == 1


async def test_a_rule_that_cannot_be_decided_denies() -> None:
    """Unknown pages and a rule that needs them: no, and it says that it could not be decided."""
    house = IntakeHouse(rules=[RuleSource("Short", "document.pages > 2", deny="Too long.")])
    house.inspector.pages = None
    with pytest.raises(RefusedByPolicy) as caught:
        await house.intake.submit(house.submission(), incoming(pdf(3)))
    assert "Short" in caught.value.public


async def test_a_rule_about_the_document_does_not_refuse_early() -> None:
    """Validate-Job knows no document, so what could still be fine is not refused."""
    rule = RuleSource("PDF only", 'document.format != "application/pdf"', deny="PDF only.")
    house = IntakeHouse(rules=[rule])
    house.intake.validate(house.submission())
    held = await house.intake.submit(house.submission(), incoming(pdf(1)))
    assert held.state is JobState.HELD
    with pytest.raises(RefusedByPolicy):
        await house.intake.submit(house.submission(), incoming(SMALL))


async def test_on_arrival_queues_tell_the_release() -> None:
    """A held job of such a queue is announced, others are not."""
    house = IntakeHouse(release=Release.ON_ARRIVAL)
    job = await house.intake.submit(house.submission(), incoming(SMALL))
    assert [one.id for one in house.held] == [job.id]
    waiting = IntakeHouse()
    await waiting.intake.submit(waiting.submission(), incoming(SMALL))
    assert waiting.held == []


# -- room --


async def test_a_nearly_full_disk_accepts_nothing() -> None:
    """The refusal is temporary, so clients keep their jobs, and no tombstone is written."""
    house = IntakeHouse(free_bytes=2**30)
    with pytest.raises(Unavailable, match="nearly full"):
        await house.intake.submit(house.submission(), incoming(SMALL))
    assert await _all_jobs(house) == []


async def test_one_person_and_one_address_have_their_shares() -> None:
    """A loop of one sender does not take the room of the others."""
    limits = DaemonLimits(max_held_jobs_per_user=2, max_unclaimed_jobs_per_address=1)
    house = IntakeHouse(limits=limits)
    for _ in range(2):
        await house.intake.submit(house.submission(person("ana")), incoming(SMALL))
    with pytest.raises(Busy):
        await house.intake.submit(house.submission(person("ana")), incoming(SMALL))
    await house.intake.submit(house.submission(person("ben")), incoming(SMALL))
    await house.intake.submit(house.submission(peer="192.0.2.1"), incoming(SMALL))
    with pytest.raises(Busy):
        await house.intake.submit(house.submission(peer="192.0.2.1", name="other"), incoming(SMALL))


async def test_a_job_has_a_bounded_number_of_documents() -> None:
    """One more than allowed aborts the job with the bound in words."""
    house = IntakeHouse(limits=DaemonLimits(max_documents_per_job=1))
    submission = house.submission()
    job = await house.intake.create_job(submission)
    job = await house.intake.add_document(job, submission, incoming(SMALL), last=False)
    ended = await house.intake.add_document(job, submission, Incoming(pieces(SMALL)), last=True)
    assert ended.state is JobState.ABORTED
    assert "1 document" in ended.reason


async def test_what_rules_ask_of_later_stages_is_kept_with_the_job() -> None:
    house = IntakeHouse(
        rules=[
            RuleSource("Mask", "job.copies > 1", "accept", mask=True),
            RuleSource("No", "job.copies > 5", deny="No."),
        ]
    )
    asked = house.submission(template=(integer("copies", 2),))
    masked = await house.intake.submit(asked, incoming(SMALL))
    plain = await house.intake.submit(house.submission(), incoming(SMALL))
    found = [await house.database.read(partial(obligations_of, job_id=job.id)) for job in (masked, plain)]
    assert found == [{"mask"}, frozenset()]


async def test_what_shall_stand_on_every_page_is_kept_with_the_job() -> None:
    house = IntakeHouse(
        rules=[
            RuleSource("Who", "true", watermark="For {user}"),
            RuleSource("What", "true", "accept", watermark="Confidential"),
            RuleSource("Later", "true", "release", watermark="At {printer}"),
        ]
    )
    job = await house.intake.submit(house.submission(), incoming(b"%PDF-1.4 " + SMALL))
    words = await house.database.read(partial(obligations_of, job_id=job.id))
    lines = await house.database.read(partial(watermarks_of, job_id=job.id))
    assert (words, lines) == (frozenset({"watermark"}), ("For {user}", "Confidential"))


async def test_a_document_that_cannot_be_stamped_is_refused_with_what_to_do() -> None:
    house = IntakeHouse(rules=[RuleSource("Who", "true", "accept", watermark="For {user}")])
    with pytest.raises(RefusedByPolicy) as caught:
        await house.intake.submit(house.submission(), incoming(SMALL))
    assert caught.value.public == NO_PDF_WORDS
    assert caught.value.fields["rule"] == "Who"


async def test_a_queue_for_a_group_takes_nothing_from_others() -> None:
    house, owner = IntakeHouse(), person("ana")
    setting = Setting(access=Access(queues={"q": ["teachers"]}))
    house.site = replace(house.site, policy=compile_rules([], setting, "UTC"))
    with pytest.raises(RefusedByPolicy, match='for members of "teachers"'):
        house.intake.validate(house.submission(owner))
    house.intake.validate(house.submission(replace(owner, groups=frozenset({"teachers"}))))
