"""How a job comes in over IPP: what is accepted, what is refused, and in which words clients lose nothing."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from holdstore.errors import StoreFailed
from policy.rules import RuleSource
from protocols.errors import RemoteProtocolError
from protocols.ipp.encoder import encode
from protocols.ipp.keywords import JobState as IppJobState
from protocols.ipp.message import Attribute
from protocols.ipp.operations import Operation
from protocols.ipp.values import boolean, collection, integer, keyword, mime, name_
from spoold.model.jobstate import JobState
from spoold.model.template import template_of
from spoold.release.template import outward
from spoold.runtime.limits import DaemonLimits
from tests.support.ipp_door import TEXT, IppHouse, MemoryBody, broken_off, last, open_ipp, request_for
from tests.support.pdfs import pdf

BAD_REQUEST, NOT_POSSIBLE, TOO_LARGE = 0x0400, 0x0404, 0x0408
FORMAT, VALUES, COMPRESSION, BROKEN = 0x040A, 0x040B, 0x040F, 0x0410
UNAVAILABLE, BUSY, IGNORED = 0x0502, 0x0507, 0x0001
CREATIONS = (Operation.VALIDATE_JOB, Operation.CREATE_JOB, Operation.PRINT_JOB)
PDF_KIND = mime("document-format", "application/pdf")


# -- accepted


async def test_print_job_is_answered_with_the_job_held_already(door: IppHouse) -> None:
    """Straight to pending-held: a client that sees pending would poll on and block its queue."""
    reply = await door.ask(Operation.PRINT_JOB, document=[TEXT])
    assert reply.status == 0
    assert reply.job.integer("job-state") == IppJobState.PENDING_HELD
    (job,) = await door.jobs()
    assert (job.state, job.size_bytes) == (JobState.HELD, len(TEXT))
    assert reply.job.string("job-uuid") == job.id.urn


@pytest.mark.parametrize("declared", ["application/vnd.hp-PCL", "Application/VND.HP-pcl"])
async def test_a_format_is_known_in_any_capitals(door: IppHouse, declared: str) -> None:
    """RFC 2045 5.1; and the registered name of PCL has some."""
    queues = dict(door.house.site.queues)
    queues["open"] = replace(queues["open"], formats=frozenset({"application/vnd.hp-pcl"}))
    door.house.change_site(queues=queues)
    named = mime("document-format", declared)
    assert (await door.ask(Operation.VALIDATE_JOB, named)).status == 0
    assert (await door.ask(Operation.VALIDATE_JOB, PDF_KIND)).status == FORMAT


async def test_create_and_send_end_held(door: IppHouse) -> None:
    number = await door.opened(user="ana")
    assert (await door.job(number)).state is JobState.RECEIVING
    first = await door.ask(Operation.SEND_DOCUMENT, last(False), job=number, user="ana", document=[TEXT])
    assert first.job.integer("job-state") == IppJobState.PENDING
    second = await door.ask(Operation.SEND_DOCUMENT, last(), job=number, user="ana", document=[TEXT, TEXT])
    assert second.job.integer("job-state") == IppJobState.PENDING_HELD
    job = await door.job(number)
    assert (job.state, job.documents, job.size_bytes) == (JobState.HELD, 2, 3 * len(TEXT))


async def test_the_last_send_document_may_be_empty(door: IppHouse) -> None:
    """RFC 8011 4.3.1: it only closes the job."""
    number = await door.opened()
    await door.ask(Operation.SEND_DOCUMENT, last(False), job=number, document=[TEXT])
    reply = await door.ask(Operation.SEND_DOCUMENT, last(), job=number)
    assert reply.status == 0
    assert ((await door.job(number)).state, (await door.job(number)).documents) == (JobState.HELD, 1)


async def test_close_job_ends_the_arrival_and_may_be_repeated(door: IppHouse) -> None:
    number = await door.opened()
    await door.ask(Operation.SEND_DOCUMENT, last(False), job=number, document=[TEXT])
    for _ in range(2):
        reply = await door.ask(Operation.CLOSE_JOB, job=number)
        assert (reply.status, reply.job.integer("job-state")) == (0, IppJobState.PENDING_HELD)


@pytest.mark.parametrize("operation", [Operation.CLOSE_JOB, Operation.SEND_DOCUMENT])
async def test_a_job_that_is_closed_without_a_document_is_aborted(
    door: IppHouse, operation: Operation
) -> None:
    number = await door.opened()
    reply = await door.ask(operation, last(), job=number)
    assert (reply.status, reply.job.integer("job-state")) == (0, IppJobState.ABORTED)
    assert "without a document" in (await door.job(number)).reason


async def test_the_proven_name_wins_over_the_claimed_one(door: IppHouse) -> None:
    said = name_("requesting-user-name", "ben")
    await door.ask(Operation.PRINT_JOB, said, user="ana", document=[TEXT])
    (job,) = await door.jobs()
    assert (job.owner_id, job.claimed_name) == ("id-ana", "ana")


async def test_what_the_client_says_of_holding_is_kept_and_not_for_the_printer(door: IppHouse) -> None:
    for_printer = integer("copies", 3), keyword("sides", "two-sided-long-edge")
    ours = keyword("job-hold-until", "no-hold"), name_("job-account-id", "4711")
    dropped = integer("job-priority", 1), keyword("job-sheets", "none")
    said = mime("document-format", "text/plain"), keyword("compression", "none")
    asked = (*for_printer, *ours, *dropped)
    reply = await door.ask(Operation.PRINT_JOB, *said, template=asked, document=[TEXT])
    assert reply.status == 0
    (job,) = await door.jobs()
    kept = template_of(job)
    assert outward(kept) == for_printer
    assert set(kept) - set(for_printer) == {
        *ours,
        mime("document-format-supplied", "text/plain"),
        keyword("compression-supplied", "none"),
    }


async def test_the_title_is_the_job_s_name_or_the_document_s(door: IppHouse) -> None:
    for attributes, title in (
        ((name_("job-name", "Job"), name_("document-name", "Document")), "Job"),
        ((name_("document-name", "Document"),), "Document"),
        ((), ""),
    ):
        await door.ask(Operation.PRINT_JOB, *attributes, document=[TEXT])
        job = (await door.jobs())[-1]
        assert door.house.words.title(job) == title


async def test_unsupported_options_are_left_out_and_named(door: IppHouse) -> None:
    wrong, right = keyword("sides", "three-sided"), integer("copies", 2)
    reply = await door.ask(Operation.PRINT_JOB, template=[wrong, right], document=[TEXT])
    assert reply.status == IGNORED
    assert reply.unsupported.attributes == (wrong,)
    (job,) = await door.jobs()
    assert template_of(job) == (right,)


# -- refused before the document is read


@pytest.mark.parametrize("operation", CREATIONS)
@pytest.mark.parametrize("name", ["", "anonymous", " ANONYMOUS "])
async def test_a_job_of_nobody_is_challenged(door: IppHouse, operation: Operation, name: str) -> None:
    """Nobody could ever release it; an account of the name clients use for nobody must not own it."""
    body = MemoryBody([encode(request_for(operation, user_name=name)), TEXT])
    assert (await door.send(body)).http == 401
    assert body.left == [TEXT]
    assert await door.jobs() == []
    assert (await door.ask(operation, user="ana", document=[TEXT])).status == 0


@pytest.mark.parametrize("operation", CREATIONS)
async def test_a_client_that_insists_on_its_options_is_refused(door: IppHouse, operation: Operation) -> None:
    asked = collection("sides", (keyword("x", "y"),))
    body = MemoryBody(
        [encode(request_for(operation, boolean("ipp-attribute-fidelity", True), template=[asked])), TEXT]
    )
    reply = await door.send(body)
    assert (reply.status, reply.unsupported.attributes) == (VALUES, (asked,))
    assert await door.jobs() == []
    assert body.left == [TEXT]


@pytest.mark.parametrize("operation", CREATIONS)
async def test_a_format_that_is_not_printed_here_is_refused_at_once(
    door: IppHouse, operation: Operation
) -> None:
    declared = mime("document-format", "application/postscript")
    body = MemoryBody([encode(request_for(operation, declared)), TEXT])
    reply = await door.send(body)
    assert (reply.status, reply.unsupported.attributes) == (FORMAT, (declared,))
    assert "PDF" in reply.words
    assert body.left == [TEXT]


@pytest.mark.parametrize("operation", CREATIONS)
async def test_an_unknown_compression_is_refused(door: IppHouse, operation: Operation) -> None:
    reply = await door.ask(operation, keyword("compression", "compress"), document=[TEXT])
    assert (reply.status, reply.unsupported.string("compression")) == (COMPRESSION, "compress")
    assert (await door.ask(operation, keyword("compression", "none"), document=[TEXT])).status == 0


@pytest.mark.parametrize(("method", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
@pytest.mark.parametrize("operation", [Operation.PRINT_JOB, Operation.SEND_DOCUMENT])
async def test_a_compressed_document_is_held_as_it_was_before(
    door: IppHouse, operation: Operation, method: str, compress: Callable[[bytes], bytes]
) -> None:
    content = TEXT * 5_000
    sent = compress(content)
    pieces = [sent[start : start + 50] for start in range(0, len(sent), 50)]
    kind = keyword("compression", method), mime("document-format", "text/plain")
    if operation is Operation.PRINT_JOB:
        reply = await door.ask(operation, *kind, document=pieces)
    else:
        # Some clients say it twice; what was said first is kept.
        opened = await door.ask(Operation.CREATE_JOB, kind[1])
        number = opened.job.integer("job-id")
        reply = await door.ask(operation, *kind, last(), job=number, document=pieces)
    assert reply.status == 0
    (job,) = await door.jobs()
    assert (job.state, job.size_bytes, job.formats) == (JobState.HELD, len(content), ("text/plain",))
    told = (await door.ask(Operation.GET_JOB_ATTRIBUTES, job=job.number)).job
    assert (told.string("compression-supplied"), told.string("document-format-supplied")) == (
        method,
        "text/plain",
    )


@pytest.mark.parametrize("what", ["cut", "rest", "lie", "bomb"])
async def test_a_broken_compressed_document_ends_its_job_and_no_other(door: IppHouse, what: str) -> None:
    """At Send-Document every error code but three loses the job silently: a success, and an aborted job."""
    content = gzip.compress(TEXT)
    sent = {
        "cut": content[:-4],
        "rest": content + b"and more",
        "lie": TEXT,
        "bomb": gzip.compress(bytes(40 * 2**20)),
    }[what]
    kind = keyword("compression", "gzip")
    reply = await door.ask(Operation.PRINT_JOB, kind, document=[sent])
    assert reply.status == (TOO_LARGE if what == "bomb" else BROKEN)
    number = await door.opened()
    reply = await door.ask(Operation.SEND_DOCUMENT, kind, last(), job=number, document=[sent])
    assert (reply.status, reply.job.integer("job-state")) == (0, IppJobState.ABORTED)
    assert {job.state for job in await door.jobs()} == {JobState.ABORTED}


async def test_the_ratio_is_bounded_where_the_size_is_not(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(64 * 2**20))
    async with open_ipp(tmp_path, max_document_bytes=2**40) as door:
        reply = await door.ask(Operation.PRINT_JOB, keyword("compression", "gzip"), document=[bomb])
        assert reply.status == BROKEN
        assert [job.state for job in await door.jobs()] == [JobState.ABORTED]


@pytest.mark.parametrize("operation", CREATIONS)
async def test_a_rule_says_no_at_every_way_in(tmp_path: Path, operation: Operation) -> None:
    """040B makes CUPS cancel the job and show the words; 0403 would have it ask for a password again."""
    rule = RuleSource("no copies", "job.copies > 5", deny="Not more than five copies.")
    async with open_ipp(tmp_path, rules=[rule]) as door:
        reply = await door.ask(operation, template=[integer("copies", 6)], document=[TEXT])
        assert (reply.status, reply.words) == (VALUES, "Not more than five copies.")
        assert (await door.ask(operation, template=[integer("copies", 5)], document=[TEXT])).status == 0


@pytest.mark.parametrize("operation", CREATIONS)
async def test_a_full_disk_leaves_the_job_on_the_client(door: IppHouse, operation: Operation) -> None:
    """0502: clients keep the job and come again by themselves (ipp reference 3.5)."""
    door.free_bytes[0] = 1000
    reply = await door.ask(operation, document=[TEXT])
    assert reply.status == UNAVAILABLE
    assert await door.jobs() == []


@pytest.mark.parametrize("operation", CREATIONS)
async def test_too_many_waiting_jobs_are_busy(tmp_path: Path, operation: Operation) -> None:
    async with open_ipp(tmp_path, limits=DaemonLimits(max_unclaimed_jobs_per_address=1)) as door:
        await door.held()
        reply = await door.ask(operation, document=[TEXT])
        assert reply.status == BUSY
        assert len(await door.jobs()) == 1


# -- refused at Print-Job, after the document


@pytest.mark.parametrize(
    ("content", "attributes", "status"),
    [
        ([TEXT], (PDF_KIND,), FORMAT),
        ([b"%!PS-Adobe-3.0\n"], (), FORMAT),
        ([b"\x00\x01\x02\xff" * 99], (), FORMAT),
        ([], (), FORMAT),
        ([b"x" * 600_000, b"x" * 600_000], (), TOO_LARGE),
    ],
)
async def test_print_job_refuses_what_the_document_is(
    door: IppHouse, content: list[bytes], attributes: tuple[Attribute, ...], status: int
) -> None:
    reply = await door.ask(Operation.PRINT_JOB, *attributes, document=content)
    assert reply.status == status
    (tombstone,) = await door.jobs()
    assert (tombstone.state, tombstone.private) == (JobState.ABORTED, None)


# -- refused at Send-Document: a success with an aborted job


def documents() -> dict[str, tuple[list[bytes], tuple[Attribute, ...]]]:
    return {
        "not what it is declared to be": ([TEXT], (PDF_KIND,)),
        "of no format that is printed here": ([b"%!PS-Adobe-3.0\n"], ()),
        "binary": ([b"\x00\x01\x02\xff" * 99], ()),
        "too large": ([b"x" * 600_000, b"x" * 600_000], ()),
    }


@pytest.mark.parametrize("name", documents())
async def test_a_refused_document_is_a_success_with_an_aborted_job(door: IppHouse, name: str) -> None:
    """Every error but 0507, 0502 and 0404 makes CUPS believe that the job was printed."""
    content, attributes = documents()[name]
    number = await door.opened(user="ana")
    await door.ask(Operation.SEND_DOCUMENT, last(False), job=number, user="ana", document=[TEXT])
    reply = await door.ask(
        Operation.SEND_DOCUMENT,
        last(),
        *attributes,
        job=number,
        user="ana",
        document=content,
    )
    assert reply.status == 0
    assert reply.job.integer("job-state") == IppJobState.ABORTED
    job = await door.job(number)
    assert job.state is JobState.ABORTED
    assert reply.job.string("job-state-message") == job.reason
    assert (job.private, job.wrapped_key) == (None, None)


async def test_a_rule_that_refuses_the_document_aborts_the_job(tmp_path: Path) -> None:
    rule = RuleSource("short only", "document.pages > 2", deny="Two pages at most.")
    async with open_ipp(tmp_path, rules=[rule]) as door:
        number = await door.opened()
        reply = await door.ask(Operation.SEND_DOCUMENT, last(), PDF_KIND, job=number, document=[pdf(3)])
        assert (reply.status, reply.job.integer("job-state")) == (0, IppJobState.ABORTED)
        assert reply.job.string("job-state-message") == "Two pages at most."


async def test_a_document_too_many_aborts_the_job(tmp_path: Path) -> None:
    async with open_ipp(tmp_path, limits=DaemonLimits(max_documents_per_job=2)) as door:
        number = await door.opened()
        for _ in range(2):
            await door.ask(Operation.SEND_DOCUMENT, last(False), job=number, document=[TEXT])
        reply = await door.ask(Operation.SEND_DOCUMENT, last(), job=number, document=[TEXT])
        assert (reply.status, reply.job.integer("job-state")) == (0, IppJobState.ABORTED)
        assert "2 documents" in (await door.job(number)).reason


# -- troubles of ours at Send-Document: the client sends the document again


async def test_a_failing_store_is_unavailable_and_the_job_stays_open(
    door: IppHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await door.opened()
    real = door.house.store.create

    def fails(*_: object) -> None:
        raise StoreFailed("no such device")

    monkeypatch.setattr(door.house.store, "create", fails)
    reply = await door.ask(Operation.SEND_DOCUMENT, last(), job=number, document=[TEXT])
    assert reply.status == UNAVAILABLE
    assert (await door.job(number)).state is JobState.RECEIVING
    monkeypatch.setattr(door.house.store, "create", real)
    again = await door.ask(Operation.SEND_DOCUMENT, last(), job=number, document=[TEXT])
    assert (again.status, (await door.job(number)).state) == (0, JobState.HELD)


async def test_too_many_documents_at_once_are_busy(tmp_path: Path, nursery: trio.Nursery) -> None:
    async with open_ipp(tmp_path, limits=DaemonLimits(max_intake_bodies=1)) as door:
        first, second = await door.opened(), await door.opened()
        body = slow_document(first)
        nursery.start_soon(_send, door, body)
        await until(lambda: door.door.intake.is_active("open"))
        reply = await door.ask(Operation.SEND_DOCUMENT, last(), job=second, document=[TEXT])
        assert reply.status == BUSY
        assert (await door.job(second)).state is JobState.RECEIVING
        finish(body)
        await until_state(door, first, JobState.HELD)


async def test_two_documents_of_one_job_at_once_are_refused(door: IppHouse, nursery: trio.Nursery) -> None:
    number = await door.opened()
    body = slow_document(number)
    nursery.start_soon(_send, door, body)
    await until(lambda: door.door.intake.is_active("open"))
    reply = await door.ask(Operation.SEND_DOCUMENT, last(False), job=number, document=[TEXT])
    assert reply.status == BUSY
    finish(body)
    await until_state(door, number, JobState.HELD)
    assert (await door.job(number)).documents == 1


async def test_a_cancel_while_the_document_arrives_ends_the_job(
    door: IppHouse, nursery: trio.Nursery
) -> None:
    """CUPS sends Cancel-Job on another connection, ends the document cleanly, and cancels once more."""
    number = await door.opened()
    body = slow_document(number)
    replies: list[int] = []

    async def send() -> None:
        replies.append((await door.send(body)).status)

    nursery.start_soon(send)
    await until(lambda: door.door.intake.is_active("open"))
    assert (await door.ask(Operation.CANCEL_JOB, job=number)).status == 0
    finish(body)
    await until(lambda: bool(replies))
    assert replies == [NOT_POSSIBLE]
    assert (await door.ask(Operation.CANCEL_JOB, job=number)).status == NOT_POSSIBLE
    job = await door.job(number)
    assert (job.state, job.private) == (JobState.CANCELED, None)
    assert await door.house.store.blobs.names() == []


async def test_a_client_that_goes_away_leaves_an_aborted_job(door: IppHouse) -> None:
    number = await door.opened()
    with pytest.raises(RemoteProtocolError):
        await door.ask(Operation.SEND_DOCUMENT, last(), job=number, document=[TEXT], error=broken_off())
    job = await door.job(number)
    assert (job.state, job.documents) == (JobState.ABORTED, 0)
    assert "completely" in job.reason


async def test_a_client_that_goes_away_in_print_job_leaves_nothing(door: IppHouse) -> None:
    with pytest.raises(RemoteProtocolError):
        await door.ask(Operation.PRINT_JOB, document=[TEXT], error=broken_off())
    assert await door.jobs() == []


# -- what Send-Document is about


async def test_a_job_that_takes_no_more_documents_says_so(door: IppHouse) -> None:
    number = await door.held()
    body = MemoryBody([encode(request_for(Operation.SEND_DOCUMENT, integer("job-id", number), last())), TEXT])
    reply = await door.send(body)
    assert reply.status == NOT_POSSIBLE
    assert body.left == [TEXT]


async def test_last_document_is_required(door: IppHouse) -> None:
    number = await door.opened()
    assert (await door.ask(Operation.SEND_DOCUMENT, job=number, document=[TEXT])).status == BAD_REQUEST


async def test_validate_job_keeps_nothing(door: IppHouse) -> None:
    body = MemoryBody([encode(request_for(Operation.VALIDATE_JOB)), TEXT])
    assert (await door.send(body)).status == 0
    assert await door.jobs() == []


# -- pieces


def slow_document(number: int) -> MemoryBody:
    """A Send-Document whose last piece waits."""
    message = request_for(Operation.SEND_DOCUMENT, integer("job-id", number), last())
    body = MemoryBody([encode(message), TEXT, TEXT])
    body.gate = trio.Event()
    return body


def finish(body: MemoryBody) -> None:
    assert body.gate is not None
    body.gate.set()


async def _send(door: IppHouse, body: MemoryBody) -> None:
    await door.send(body)


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(60):
        while not condition():
            await trio.sleep(0.001)


async def until_state(door: IppHouse, number: int, state: JobState) -> None:
    with trio.fail_after(60):
        while (await door.job(number)).state is not state:
            await trio.sleep(0.001)
