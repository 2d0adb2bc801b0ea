"""The daemon's look at its own health: what it says, what it does, and that looking breaks nothing."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
import trio
from prometheus_client import generate_latest
from trio.testing import MockClock

from holdstore.keyring import Keyring
from holdstore.store import HoldStore
from spoold.app.parts import Parts
from spoold.app.upkeep import HEALTH_EVERY_S, PROBE_EVERY, keep_health
from spoold.documents.inspection import SandboxState
from spoold.runtime.health import HealthState
from tests.fault.house import Place, open_parts
from tests.support.clock import FakeClock
from tests.support.intake_house import CountingInspector
from tests.support.memory_blobs import MemoryBlobStore

PLENTY = 1 << 50


class Disk(MemoryBlobStore):
    """Has as much room as it is told."""

    room = PLENTY

    def free_bytes(self) -> int | None:
        return self.room


class ProbedInspector(CountingInspector):
    """Says of the sandbox what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.found = SandboxState(True)
        self.probes = 0

    async def probe(self) -> SandboxState:
        self.probes += 1
        return self.found


class House:
    """Parts whose disk, sandbox and clock a test moves."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.disk = Disk()
        self.inspector = ProbedInspector()
        self.clock = FakeClock(parts.clock.now())
        parts.store = HoldStore.over(self.disk, Keyring.from_bytes(bytes(range(32))))
        parts.inspector = self.inspector
        parts.clock = self.clock  # type: ignore[assignment]

    async def next_look(self, rounds: int = 1) -> None:
        """Let so many looks pass; the wall clock goes along."""
        for _ in range(rounds):
            self.clock.advance(HEALTH_EVERY_S)
            await trio.sleep(HEALTH_EVERY_S)

    def health(self, component: str) -> tuple[HealthState, str]:
        part = self.parts.health.snapshot().components[component]
        return part.state, part.reason

    def metric(self, name: str) -> float:
        for line in generate_latest(self.parts.metrics.registry).decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        raise LookupError(name)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    place = Place(tmp_path / "outside", tmp_path / "state")
    place.prepare()
    with ExitStack() as stack:
        yield House(open_parts(place, stack))


@pytest.fixture
async def looking(house: House, nursery: trio.Nursery) -> House:
    nursery.start_soon(keep_health, house.parts)
    await trio.sleep(HEALTH_EVERY_S / 2)
    return house


async def test_all_is_well(looking: House, autojump_clock: MockClock) -> None:
    for component in ("store", "database", "sandbox", "certificate"):
        assert looking.health(component)[0] is HealthState.OK
    assert looking.parts.status()["state"] == "ok"
    assert looking.metric("spoold_store_free_bytes") == PLENTY
    assert looking.parts.state.free_reserve()


async def test_a_disk_that_fills_up_is_said_and_forgiven(looking: House, autojump_clock: MockClock) -> None:
    limits = looking.parts.limits
    looking.disk.room = limits.required_free_bytes(looking.parts.state.total_bytes()) - 1
    await looking.next_look()
    state, reason = looking.health("store")
    assert state is HealthState.DEGRADED
    assert "no new jobs" in reason
    assert looking.metric("spoold_store_free_bytes") == looking.disk.room
    looking.disk.room = PLENTY
    await looking.next_look()
    assert looking.health("store")[0] is HealthState.OK
    assert looking.parts.state.free_reserve(), "the reserve is for a disk that is really full"


async def test_a_full_disk_gets_the_reserve_back_once(looking: House, autojump_clock: MockClock) -> None:
    """So that SQLite can record the releases that free space."""
    looking.disk.room = looking.parts.limits.reserve_bytes - 1
    with structlog.testing.capture_logs() as logged:
        await looking.next_look(3)
    assert [one["event"] for one in logged].count("reserve-freed") == 1
    assert not looking.parts.state.free_reserve()


async def test_a_database_that_failed_is_failed(
    looking: House, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking.parts.database, "_failed", "OperationalError")
    await looking.next_look()
    state, reason = looking.health("database")
    assert state is HealthState.FAILED
    assert "OperationalError" in reason
    assert looking.parts.status()["state"] == "failed"


async def test_a_sandbox_that_does_not_hold_is_said(looking: House, autojump_clock: MockClock) -> None:
    """Believed for a while, then tried again: a probe costs a process."""
    assert looking.inspector.probes == 1
    looking.inspector.found = SandboxState(False, "the kernel has no landlock")
    await looking.next_look(PROBE_EVERY - 1)
    assert (looking.inspector.probes, looking.health("sandbox")[0]) == (1, HealthState.OK)
    await looking.next_look()
    state, reason = looking.health("sandbox")
    assert (looking.inspector.probes, state) == (2, HealthState.DEGRADED)
    assert "landlock" in reason


async def test_a_clock_that_was_set_is_noticed(looking: House, autojump_clock: MockClock) -> None:
    looking.clock.step_wall(-7200)
    with structlog.testing.capture_logs() as logged:
        await looking.next_look(2)
    (said,) = [one for one in logged if one["event"] == "clock-stepped"]
    assert said["seconds"] == -7200
    assert looking.metric("spoold_clock_steps_total") == 1


async def test_a_certificate_that_has_ended_is_replaced_while_running(
    looking: House, autojump_clock: MockClock
) -> None:
    before = looking.parts.tls.fingerprint
    looking.clock.advance(timedelta(days=400).total_seconds())
    await looking.next_look(PROBE_EVERY)
    assert looking.parts.tls.fingerprint != before


async def test_a_certificate_that_cannot_be_renewed_does_not_end_the_daemon(
    looking: House, autojump_clock: MockClock
) -> None:
    """The old one stays in use, health says so, and the next look tries again."""
    context = looking.parts.tls.context
    certificate = looking.parts.tls.certificate
    kept = certificate.read_text()
    certificate.write_text("nonsense")
    await looking.next_look(PROBE_EVERY)
    state, reason = looking.health("certificate")
    assert state is HealthState.DEGRADED
    assert str(certificate) in reason
    assert looking.parts.tls.context is context
    certificate.write_text(kept)
    await looking.next_look(PROBE_EVERY)
    assert looking.health("certificate")[0] is HealthState.OK
