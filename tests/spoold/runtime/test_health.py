"""Health is the worst of its parts, with reasons, and tells of changes once."""

from spoold.runtime.health import ComponentHealth, Health, HealthState
from tests.support.clock import START, FakeClock


def test_the_whole_is_as_bad_as_its_worst_part() -> None:
    health = Health(FakeClock())
    assert health.snapshot().state is HealthState.OK
    assert health.snapshot().summary == "ok"
    health.ok("database")
    health.degraded("printer lobby", "does not answer")
    assert health.snapshot().state is HealthState.DEGRADED
    health.failed("store", "read-only file system")
    snapshot = health.snapshot()
    assert snapshot.state is HealthState.FAILED
    assert snapshot.summary == "printer lobby degraded: does not answer; store failed: read-only file system"


def test_a_snapshot_does_not_change_afterwards() -> None:
    health = Health(FakeClock())
    health.failed("store", "full")
    before = health.snapshot()
    health.ok("store")
    assert before.state is HealthState.FAILED
    assert health.snapshot().components["store"].reason == ""


def test_since_is_when_the_state_began_not_when_its_reason_changed() -> None:
    clock = FakeClock()
    health = Health(clock)
    health.degraded("printer", "paper low")
    clock.advance(60)
    health.degraded("printer", "toner low")
    part = health.snapshot().components["printer"]
    assert (part.reason, part.since) == ("toner low", START)
    health.ok("printer")
    assert health.snapshot().components["printer"].since == clock.now()


def test_changes_are_told_once() -> None:
    told: list[tuple[str, HealthState | None, HealthState]] = []

    def tell(component: str, old: ComponentHealth | None, new: ComponentHealth) -> None:
        told.append((component, old.state if old else None, new.state))

    health = Health(FakeClock(), tell)
    health.ok("sandbox")
    health.ok("sandbox")
    health.failed("sandbox", "no landlock")
    health.failed("sandbox", "no landlock")
    assert told == [("sandbox", None, HealthState.OK), ("sandbox", HealthState.OK, HealthState.FAILED)]


def test_a_forgotten_component_counts_no_more() -> None:
    health = Health(FakeClock())
    health.failed("printer old", "gone")
    health.forget("printer old")
    health.forget("printer old")
    assert health.snapshot().components == {}
