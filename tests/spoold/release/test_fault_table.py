"""The fault table: no failure of a printer, at whatever step, costs a second copy or a lost job."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from spoold.model.errors import PrinterNotReady
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal
from spoold.model.printer import Printer
from spoold.printers.directory import make_adapter
from tests.support.fake_ipp_printer import FakeIppPrinter, Fault, Step
from tests.support.release_house import House, open_house
from tests.support.tls_pair import TlsPair, make_tls_pair

# Several pieces, and less than the store puts in a file.
DOCUMENT = b"%PDF-1.4 " + bytes(range(256)) * 2800
# Idle for this long in real time, and the mocked clock jumps.
IDLE_S = 0.005

CASES = [(step, fault, one_step) for step in Step for fault in Fault for one_step in (False, True)]


def name_of(case: tuple[Step, Fault, bool]) -> str:
    step, fault, one_step = case
    return f"{step}-{fault}-{'print-job' if one_step else 'create-job'}"


@dataclass
class Scene:
    house: House
    printer: FakeIppPrinter
    ana: Principal


@pytest.fixture(name="pair", scope="module")
def _pair(tmp_path_factory: pytest.TempPathFactory) -> TlsPair:
    return make_tls_pair(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def scene(root: Path, pair: TlsPair | None, **settings: object) -> AsyncIterator[Scene]:
    fake = FakeIppPrinter(tls=None if pair is None else pair.server, **settings)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        await nursery.start(fake.serve)
        configured = Printer("lobby", fake.uri, ca=None if pair is None else str(pair.certificate))
        async with open_house(root, printers=(configured,), make=make_adapter) as house:
            yield Scene(house, fake, house.person("ana"))
        nursery.cancel_scope.cancel()


def check_truth(scene: Scene, token: str, state: JobState, reason: str) -> None:
    """What the job says happened is what happened to the paper."""
    mine = [document for name, document in scene.printer.paper if name == token]
    assert len(mine) <= 1, "two copies came out"
    assert len(scene.printer.paper) == len(mine), "something else came out"
    assert state in {JobState.COMPLETED, JobState.HELD, JobState.UNKNOWN}, (state, reason)
    if state is JobState.COMPLETED:
        assert mine == [DOCUMENT]
    if state is JobState.HELD:
        assert mine == [], "a job with paper was held again"
    if state is JobState.UNKNOWN:
        assert scene.printer.application_bytes > 0
    assert reason


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_a_fault_costs_no_copy_and_no_job(
    case: tuple[Step, Fault, bool], tmp_path: Path, pair: TlsPair, mock_clock: MockClock
) -> None:
    step, fault, one_step = case
    secure = pair if step is Step.TLS else None
    async with scene(tmp_path, secure, one_step=one_step) as here:
        # The first look loads certificates in a thread, of which the mocked clock knows nothing.
        assert (await here.house.directory.status("lobby")).ready
        mock_clock.autojump_threshold = IDLE_S
        job = await here.house.add_job(here.ana, documents=[DOCUMENT])
        grant = await here.house.service.gate.admit(here.ana, job.id, "lobby")
        # A kept connection would spare the steps of a new one.
        await here.house.directory.aclose()
        before = here.printer.application_bytes
        here.printer.fault = (step, fault)
        here.printer.application_bytes = 0
        here.house.service.start(grant)
        with trio.fail_after(3600):
            ended = await here.house.settled(job)
        # Whatever the printer still has in it may come out now.
        await trio.sleep(20)
        check_truth(here, grant.token, ended.state, ended.reason)
        if ended.state is JobState.UNKNOWN:
            assert ended.first_byte_at is not None
        assert before > 0
        assert (await here.house.grants(job))[0].consumed_at is not None


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SLOW])
async def test_a_fault_before_the_gate_is_a_refusal(
    fault: Fault, tmp_path: Path, mock_clock: MockClock
) -> None:
    mock_clock.autojump_threshold = IDLE_S
    async with scene(tmp_path, None) as here:
        here.printer.fault, here.printer.fault_times = (Step.STATUS, fault), None
        job = await here.house.add_job(here.ana, documents=[DOCUMENT])
        with pytest.raises(PrinterNotReady, match="still held"):
            await here.house.desk.release(here.ana, job.id, "lobby")
        assert (await here.house.job(job)).state is JobState.HELD
        assert here.printer.jobs == []
        assert await here.house.grants(job) == []
