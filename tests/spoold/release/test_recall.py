"""Recall: a job that meets trouble at the printer goes back to its owner, or into honest doubt."""

from pathlib import Path
from typing import TypeAlias

import pytest
import trio
from trio.testing import MockClock

from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Role
from spoold.printers.base import (
    NoSuchRemoteJob,
    PrinterProblem,
    PrinterRefused,
    PrinterUnreachable,
    RemoteJob,
    RemoteState,
)
from spoold.release import completion, recall
from spoold.release.attempt import Cause, Control, Trouble
from spoold.release.recall import Outcome
from tests.support.memory_printer import MemoryPrinter, failing
from tests.support.release_house import House, open_house

GONE = PrinterUnreachable("The printer cannot be reached.")


async def printing(house: House, *, documents: int = 1, **settings: object) -> tuple[Job, MemoryPrinter]:
    """A job whose every byte is at a printer that takes its time."""
    printer = house.memory("lobby")
    printer.prints = False
    for name, value in settings.items():
        setattr(printer, name, value)
    job = await house.add_job(house.person("ana"), documents=[b"%PDF page"] * documents)
    await house.desk.release(house.person("ana"), job.id, "lobby")
    await trio.sleep(2.5)
    assert (await house.job(job)).all_bytes_at is not None
    return job, printer


async def nothing_more_comes_out(house: House, printer: MemoryPrinter) -> None:
    """What the printer does when somebody clears the jam, much later."""
    printer.reasons, printer.state = ("none",), 3
    before = len(printer.paper)
    for job in printer.jobs:
        if not job.state.final:
            printer.put_out(job)
    await trio.sleep(600)
    assert len(printer.paper) == before
    assert len(printer.jobs) == 1


@pytest.mark.parametrize(
    ("reason", "state", "words"),
    [
        ("media-jam-error", 5, "Paper is jammed."),
        ("media-empty-warning", 4, "out of paper"),
        ("cover-open", 3, "A cover is open."),
        ("none", 5, "The printer is stopped."),
    ],
)
async def test_trouble_after_the_document_takes_the_job_back(
    reason: str, state: int, words: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.reasons, printer.state = (reason,), state
        ended = await house.settled(job)
        assert ended.state is JobState.HELD
        assert words in ended.reason
        assert "taken back from the printer, nothing was printed" in ended.reason
        assert printer.jobs[0].state is RemoteState.CANCELED
        await nothing_more_comes_out(house, printer)
        # Only a new release prints it.
        printer.prints = True
        view = await house.desk.release_and_wait(house.person("ana"), job.id, "lobby", 60)
        assert view.job.state is JobState.COMPLETED
        assert len(printer.paper) == 1
        assert len(await house.grants(job)) == 2


async def test_a_printer_that_takes_no_new_jobs_finishes_this_one(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.accepting = False
        await trio.sleep(10)
        printer.put_out(printer.jobs[0])
        assert (await house.settled(job)).state is JobState.COMPLETED


async def test_a_jam_while_the_document_is_sent(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The printer is told on its own connection while the document's is still open."""
    async with open_house(tmp_path) as house:
        printer = house.memory("lobby")
        order: list[str] = []

        async def jam() -> None:
            printer.reasons = ("media-jam",)
            try:
                await trio.sleep_forever()
            finally:
                order.append("closed")

        async def note() -> None:
            order.append("told")

        printer.before |= {"piece": jam, "cancel": note}
        job = await house.add_job(house.person("ana"))
        await house.desk.release(house.person("ana"), job.id, "lobby")
        ended = await house.settled(job)
        assert ended.state is JobState.HELD
        assert order == ["told", "closed"]
        await nothing_more_comes_out(house, printer)


async def test_pages_that_are_out_leave_doubt(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house, documents=3)
        printer.jobs[0].impressions = 1
        printer.reasons = ("media-jam",)
        ended = await house.settled(job)
        assert ended.state is JobState.UNKNOWN
        assert "the printer counted 1 side" in ended.reason
        assert ended.impressions == 1


async def test_a_printer_that_does_not_count_cannot_say_nothing_came_out(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house, counts=False)
        printer.reasons = ("media-jam",)
        assert (await house.settled(job)).state is JobState.UNKNOWN


async def test_a_job_that_was_printed_meanwhile_is_completed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)

        async def just_printed() -> None:
            if not printer.jobs[0].state.final:
                printer.put_out(printer.jobs[0])

        printer.before["cancel"] = just_printed
        printer.reasons = ("output-area-full",)
        ended = await house.settled(job)
        assert ended.state is JobState.COMPLETED
        assert len(printer.paper) == 1


async def test_the_last_sheet_that_emptied_the_tray_is_no_trouble(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.jobs[0].impressions = 1
        printer.reasons = ("media-empty",)
        await trio.sleep(5)
        assert (await house.job(job)).state is JobState.PRINTING
        printer.put_out(printer.jobs[0])
        assert (await house.settled(job)).state is JobState.COMPLETED


async def test_a_printer_that_vanishes_leaves_doubt(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.vanish()
        began = trio.current_time()
        ended = await house.settled(job)
        assert ended.state is JobState.UNKNOWN
        assert "Look at the printer" in ended.reason
        assert trio.current_time() - began <= completion.LOST_AFTER_S + recall.TELL_S + recall.CONFIRM_S + 5


async def test_a_printer_that_comes_back_in_time_is_asked(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.vanish()
        await trio.sleep(completion.LOST_AFTER_S + 5)
        printer.silent, printer.before = False, {}
        ended = await house.settled(job)
        assert ended.state is JobState.HELD
        assert printer.jobs[0].state is RemoteState.CANCELED


async def test_a_short_silence_is_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.silent = True
        printer.before["progress"] = failing(GONE, times=5)
        await trio.sleep(8)
        printer.silent = False
        printer.put_out(printer.jobs[0])
        assert (await house.settled(job)).state is JobState.COMPLETED


async def test_a_printer_that_goes_on_is_told_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.before["cancel"] = failing(GONE, times=2)
        printer.reasons = ("media-jam",)
        ended = await house.settled(job)
        assert ended.state is JobState.HELD
        assert printer.calls.count("cancel") == 3


async def test_a_printer_that_forgot_the_job_leaves_doubt(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.jobs.clear()
        ended = await house.settled(job)
        assert ended.state is JobState.UNKNOWN
        assert "forgotten" in ended.reason


@pytest.mark.parametrize("state", [RemoteState.HELD, RemoteState.STOPPED])
async def test_a_printer_that_keeps_the_job_for_later_gives_it_back(
    state: RemoteState, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.jobs[0].state = state
        ended = await house.settled(job)
        assert ended.state is JobState.HELD
        assert "holds the job back" in ended.reason


async def test_a_job_that_makes_no_progress_is_taken_back(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, _ = await printing(house)
        began = trio.current_time()
        ended = await house.settled(job)
        assert ended.state is JobState.HELD
        assert "no progress" in ended.reason
        assert trio.current_time() - began == pytest.approx(completion.STUCK_AFTER_S, abs=10)


@pytest.mark.parametrize("state", [RemoteState.CANCELED, RemoteState.ABORTED])
async def test_a_job_ended_at_the_printers_own_panel(
    state: RemoteState, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.jobs[0].state = state
        ended = await house.settled(job)
        assert ended.state is JobState.HELD
        assert state.value in ended.reason


async def test_completed_without_our_own_record_is_doubt(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The lying printer: it says "completed", but never said that it took the document."""
    async with open_house(tmp_path) as house:
        printer = house.memory("lobby")

        async def lie() -> None:
            printer.put_out(printer.jobs[0])
            raise GONE

        printer.before["sent"] = lie
        job = await house.add_job(house.person("ana"))
        await house.desk.release(house.person("ana"), job.id, "lobby")
        ended = await house.settled(job)
        assert ended.state is JobState.UNKNOWN
        assert ended.all_bytes_at is None


async def test_the_owner_cancels_while_it_prints(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        view = await house.desk.cancel(house.person("ana"), job.id)
        assert view.job.state is JobState.CANCELED
        assert "Nothing was printed" in view.job.reason
        assert printer.jobs[0].state is RemoteState.CANCELED
        assert view.job.wrapped_key is None
        await nothing_more_comes_out(house, printer)


async def test_an_operator_cancels_while_it_prints(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        view = await house.desk.cancel(house.person("olga", role=Role.OPERATOR), job.id)
        assert view.job.state is JobState.CANCELED
        assert view.job.reason == "Canceled by an operator. Nothing was printed."
        assert printer.jobs[0].state is RemoteState.CANCELED


async def test_the_owner_cancels_before_the_first_byte(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        printer = house.memory("lobby")
        printer.before["send"] = lambda: trio.sleep(20)
        job = await house.add_job(house.person("ana"))
        await house.desk.release(house.person("ana"), job.id, "lobby")
        await trio.sleep(1)
        view = await house.desk.cancel(house.person("ana"), job.id)
        assert (view.job.state, view.job.first_byte_at) == (JobState.CANCELED, None)
        assert printer.jobs[0].state is RemoteState.CANCELED
        assert printer.paper == []


async def test_a_cancel_that_nobody_confirms_destroys_the_job_all_the_same(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.vanish()
        view = await house.desk.cancel(house.person("ana"), job.id)
        assert view.job.state is JobState.CANCELED
        assert "may have been printed" in view.job.reason


async def test_a_cancel_too_late_is_a_print(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.put_out(printer.jobs[0])
        view = await house.desk.cancel(house.person("ana"), job.id)
        assert view.job.state is JobState.COMPLETED


Judged: TypeAlias = tuple[RemoteState | None, int | None, int, bool, Outcome]
JUDGED: list[Judged] = [
    # the printer's last word, what it counted, bytes handed over, all bytes recorded
    (RemoteState.COMPLETED, 1, 10, True, Outcome.PRINTED),
    (RemoteState.COMPLETED, 1, 10, False, Outcome.IN_DOUBT),
    (RemoteState.COMPLETED, 0, 0, False, Outcome.TAKEN_BACK),
    (RemoteState.CANCELED, 0, 10, False, Outcome.TAKEN_BACK),
    (RemoteState.CANCELED, 0, 10, True, Outcome.TAKEN_BACK),
    (RemoteState.CANCELED, 2, 10, True, Outcome.IN_DOUBT),
    (RemoteState.CANCELED, None, 10, True, Outcome.IN_DOUBT),
    (RemoteState.ABORTED, 0, 10, True, Outcome.TAKEN_BACK),
    (RemoteState.ABORTED, 1, 10, True, Outcome.IN_DOUBT),
    (None, None, 10, False, Outcome.IN_DOUBT),
    (None, None, 0, False, Outcome.TAKEN_BACK),
]


@pytest.mark.parametrize("case", JUDGED)
async def test_what_the_last_word_proves(case: Judged, tmp_path: Path) -> None:
    state, counted, sent, all_bytes, outcome = case
    async with open_house(tmp_path) as house:
        at_printer = {"state": JobState.PRINTING, "printer": "lobby", "token": "5a" * 16}
        job = await house.add_job(house.person("ana"), **at_printer)  # type: ignore[arg-type]
        attempt = await house.service._forwarder.attempt_of(job, Control())
        assert attempt is not None
        attempt.sent_bytes, attempt.all_bytes = sent, all_bytes
        last = None if state is None else RemoteJob(1, state, counted)
        assert recall.judge(attempt, last).outcome is outcome


@pytest.mark.parametrize(
    "problem",
    [GONE, PrinterRefused("No."), NoSuchRemoteJob("No such job.")],
    ids=lambda problem: problem.words,
)
async def test_telling_never_raises(
    problem: PrinterProblem, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job, printer = await printing(house)
        printer.before |= {"cancel": failing(problem), "find": failing(problem)}
        attempt = await house.service._forwarder.attempt_of(await house.job(job), Control())
        assert attempt is not None
        await recall.tell(attempt)
        attempt.remote_id = None
        await recall.tell(attempt)
        printer.before.clear()
        printer.put_out(printer.jobs[0])
        await house.settled(job)


def test_the_first_reason_counts() -> None:
    control = Control()
    first = Trouble(Cause.PRINTER, "Paper is jammed.")
    control.stop(first)
    control.stop(Trouble(Cause.USER, "Canceled."))
    control.finish(RemoteJob(1, RemoteState.COMPLETED, 1))
    assert (control.trouble, control.ending) == (first, None)
