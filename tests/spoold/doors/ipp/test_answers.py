"""The table of refusals: none of them loses a job or stops a client's queue by mistake."""

from collections.abc import Iterator

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.status import Status
from protocols.ipp.values import keyword, mime
from spoold.doors.ipp.answers import (
    ABOUT_DOCUMENTS,
    ANSWERS,
    CUPS,
    HTTP_UNAUTHORIZED,
    PHASES,
    Effect,
    Phase,
    status_of,
)
from spoold.model import errors
from spoold.model.errors import NotAuthenticated, NotFound, SpoolError, TooManyAttempts, Unavailable
from spoold.model.jobstate import JobState
from tests.support.ipp_door import TEXT, IppHouse, last

SAFE = {Effect.KEEPS, Effect.ASKS, Effect.HOLDS, Effect.CANCELS}
# What nobody hears who sends a job: it concerns other operations, or the start.
ELSEWHERE = {"failed", "proof-too-old", "printer-not-ready", "configuration", "wrong-pin", "grant-void"}


def kinds(of: type[SpoolError] = SpoolError) -> Iterator[str]:
    """Every kind of refusal there is."""
    yield of.kind
    for one in of.__subclasses__():
        yield from kinds(one)


def test_every_refusal_has_a_row() -> None:
    in_model = {
        one.kind for one in vars(errors).values() if isinstance(one, type) and issubclass(one, SpoolError)
    }
    assert in_model - ELSEWHERE == ANSWERS.keys() | ABOUT_DOCUMENTS


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("phase", CUPS)
def test_no_answer_costs_a_job_or_a_queue(kind: str, phase: Phase) -> None:
    status = ANSWERS[kind][phase]
    effect = CUPS[phase][0x0401 if status == HTTP_UNAUTHORIZED else status]
    if (kind, phase) == ("not-found", Phase.CREATE):
        # The queue itself is gone, and the client's keeps its jobs.
        assert effect is Effect.STOPS
        return
    assert effect in SAFE


def test_a_refused_document_would_be_lost_by_its_code() -> None:
    """Why Send-Document answers with a success and an aborted job instead."""
    for error in (errors.UnsupportedDocument, errors.BrokenCompression, errors.TooLarge):
        assert CUPS[Phase.SEND][error.ipp_status] is Effect.LOSES


def test_other_operations_answer_by_the_class() -> None:
    assert status_of(NotFound("x"), Operation.GET_JOB_ATTRIBUTES) == Status.CLIENT_ERROR_NOT_FOUND
    assert status_of(NotFound("x"), Operation.SEND_DOCUMENT) == Status.CLIENT_ERROR_NOT_POSSIBLE
    assert set(PHASES.values()) == set(Phase)


def test_every_code_is_in_one_row_of_each_step() -> None:
    for effects in CUPS.values():
        assert len(effects) == 25


async def test_a_job_that_is_gone_does_not_stop_the_client_s_queue(door: IppHouse) -> None:
    reply = await door.ask(Operation.SEND_DOCUMENT, last(), job=9_999, user="ana", document=[TEXT])
    assert reply.status == Status.CLIENT_ERROR_NOT_POSSIBLE


@pytest.mark.parametrize("error", [NotAuthenticated("Wrong."), TooManyAttempts("Later.")])
async def test_a_wrong_password_is_a_challenge_except_where_that_loses_the_job(
    door: IppHouse, error: SpoolError
) -> None:
    number = await door.opened(user="ana", queue="secure")
    door.people.error = error
    reply = await door.ask(
        Operation.SEND_DOCUMENT, last(), job=number, user="ana", queue="secure", document=[TEXT]
    )
    assert (reply.http, reply.status) == (200, Status.CLIENT_ERROR_NOT_AUTHORIZED)
    assert reply.words == error.public
    assert (await door.ask(Operation.CREATE_JOB, user="ana", queue="secure")).http == HTTP_UNAUTHORIZED
    door.people.error = None
    assert (
        await door.ask(Operation.SEND_DOCUMENT, last(), job=number, queue="secure")
    ).http == HTTP_UNAUTHORIZED


@pytest.mark.parametrize(
    "said", [mime("document-format", "application/vnd.ms-excel"), keyword("compression", "compress")]
)
async def test_a_format_that_is_not_taken_ends_the_job_in_words(door: IppHouse, said: object) -> None:
    number = await door.opened()
    reply = await door.ask(Operation.SEND_DOCUMENT, said, last(), job=number, document=[TEXT])  # type: ignore[arg-type]
    assert reply.status == 0
    job = await door.job(number)
    assert job.state is JobState.ABORTED
    assert "not printed here" in job.reason


def test_temporary_troubles_are_the_safe_ones() -> None:
    for phase in CUPS:
        assert CUPS[phase][status_of(Unavailable("x"), _operation(phase))] is Effect.KEEPS


def _operation(phase: Phase) -> int:
    return next(code for code, of in PHASES.items() if of is phase)
