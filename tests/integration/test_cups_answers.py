"""What a real CUPS makes of every answer in the door's table, from printers that answer by a script."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from protocols.ipp.operations import Operation
from spoold.doors.ipp.answers import CUPS, HTTP_UNAUTHORIZED, PHASES, SEND_AGAIN_AFTER_S, Effect, Phase
from tests.support.cups import Cups, LocalJob
from tests.support.scripted_ipp import Script, ScriptedPrinters, scripted_printers

OPERATION = {phase: Operation(code) for code, phase in PHASES.items()}
ROWS = {
    f"{phase}-{code:04x}": (phase, code, effect)
    for phase, effects in CUPS.items()
    for code, effect in (*effects.items(), (HTTP_UNAUTHORIZED, effects[0x0401]))
}
PENDING, HELD, PROCESSING, STOPPED, CANCELED, ABORTED, COMPLETED = range(3, 10)
# Whether the client's queue is free for the next job when the server says that its job is in this state.
IS_FREE = {
    PENDING: False,
    HELD: True,
    PROCESSING: False,
    STOPPED: False,
    CANCELED: True,
    ABORTED: True,
    COMPLETED: True,
}
# What settles settles long before; what is to be tried again is tried after 5 or 10 seconds.
PATIENCE_S = 120.0
HELD_FOR = {"cups-held-for-authentication": Effect.ASKS, "resources-are-not-ready": Effect.HOLDS}


@pytest.fixture(scope="module")
def client() -> Iterator[tuple[Cups, ScriptedPrinters, Mapping[str, int]]]:
    """One cupsd with a queue and a job for every row, all printing at the same time."""
    scripts = {
        name: Script(
            {OPERATION[phase]: code},
            pauses={OPERATION[phase]: SEND_AGAIN_AFTER_S} if phase is Phase.SEND else {},
        )
        for name, (phase, code, _) in ROWS.items()
    }
    scripts |= {f"state-{state}": Script(job_state=state) for state in IS_FREE}
    scripts["gone"] = Script({Operation.GET_JOB_ATTRIBUTES: 0x0406})
    scripts["closed"] = Script(accepting=False)
    cups = Cups()
    cups.start()
    document = cups.root / "letter.txt"
    document.write_text("A letter.\n")
    try:
        with scripted_printers(scripts) as printers:
            jobs = {}
            for name in scripts:
                cups.add_raw_queue(name, f"ipp://localhost:{printers.port}/ipp/print/{name}")
                jobs[name] = cups.lp(name, Path(document), user="alice")
            yield cups, printers, jobs
    finally:
        cups.stop()


def seen(
    cups: Cups, printers: ScriptedPrinters, name: str, job: LocalJob, operation: Operation
) -> Effect | None:
    """Return what CUPS does with a job, None while it cannot be told yet."""
    if job.state == "pending-held":
        return next((effect for reason, effect in HELD_FOR.items() if reason in job.reasons), None)
    if job.state == "canceled":
        return Effect.CANCELS
    if job.state == "completed":
        return (
            Effect.CONTINUES
            if printers.asked[name, Operation.SEND_DOCUMENT] > (operation is Operation.SEND_DOCUMENT)
            else Effect.LOSES
        )
    if cups.printer(name)["printer-state"] == "stopped":
        return Effect.STOPS
    return Effect.KEEPS if printers.asked[name, operation] > 1 and job.state == "processing" else None


@pytest.mark.parametrize("name", ROWS)
def test_cups_does_with_a_code_what_the_table_says(
    client: tuple[Cups, ScriptedPrinters, Mapping[str, int]], name: str
) -> None:
    cups, printers, jobs = client
    phase, _, expected = ROWS[name]
    deadline = time.monotonic() + PATIENCE_S
    while (found := seen(cups, printers, name, cups.job(jobs[name]), OPERATION[phase])) is not expected:
        assert time.monotonic() < deadline, (found, cups.job(jobs[name]), printers.asked)
        time.sleep(0.1)


@pytest.mark.parametrize("state", IS_FREE)
def test_only_a_held_or_ended_job_leaves_the_client_s_queue_free(
    client: tuple[Cups, ScriptedPrinters, Mapping[str, int]], state: int
) -> None:
    cups, printers, jobs = client
    name = f"state-{state}"
    # A queue that is blocked asks again and again; a free one has asked once or twice.
    deadline = time.monotonic() + PATIENCE_S
    while (
        printers.asked[name, Operation.GET_JOB_ATTRIBUTES] < (1 if IS_FREE[state] else 3)
        or (cups.printer(name)["printer-state"] == "idle") != IS_FREE[state]
    ):
        assert time.monotonic() < deadline, (cups.job(jobs[name]), cups.printer(name)["printer-state"])
        time.sleep(0.1)
    ended = cups.job(jobs[name]).state in ("completed", "canceled")
    assert ended == IS_FREE[state]


def test_a_job_that_nobody_remembers_counts_as_printed_and_leaves_a_stain(
    client: tuple[Cups, ScriptedPrinters, Mapping[str, int]],
) -> None:
    cups, _, jobs = client
    cups.wait_for("completed", jobs["gone"])
    assert "cups-ipp-missing-job-history" in cups.printer("gone")["printer-state-reasons"]


def test_a_printer_that_takes_no_jobs_is_waited_for(
    client: tuple[Cups, ScriptedPrinters, Mapping[str, int]],
) -> None:
    cups, printers, jobs = client
    # Asked again, it has seen the answer before.
    deadline = time.monotonic() + PATIENCE_S
    while printers.asked["closed", Operation.GET_PRINTER_ATTRIBUTES] < 2:
        assert time.monotonic() < deadline, (cups.job(jobs["closed"]), printers.asked)
        time.sleep(0.1)
    assert cups.job(jobs["closed"]).state == "processing"
    assert printers.asked["closed", Operation.CREATE_JOB] == 0
