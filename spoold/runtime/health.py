"""How each part of the daemon is, with the reason, for /healthz, the portal and systemd's status line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from spoold.runtime.clock import Clock


class HealthState(IntEnum):
    """From good to bad, so that `max` gives the state of the whole."""

    OK = 0
    DEGRADED = 1
    FAILED = 2

    @property
    def word(self) -> str:
        """Return the state in lower case, as answers and metrics spell it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """One part's state: why it is so (empty when ok) and since when (wall clock)."""

    state: HealthState
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """The parts by name at one moment; the whole is as bad as its worst part."""

    components: Mapping[str, ComponentHealth]

    @property
    def state(self) -> HealthState:
        """Return the worst state of any part."""
        return max((part.state for part in self.components.values()), default=HealthState.OK)

    @property
    def summary(self) -> str:
        """Return one line for people: "ok", or the parts in trouble with their reasons."""
        troubled = [
            f"{name} {part.state.word}: {part.reason}"
            for name, part in sorted(self.components.items())
            if part.state is not HealthState.OK
        ]
        return "; ".join(troubled) or "ok"


class Health:
    """Collects what the parts say of themselves.

    Args:
        clock: stamps the changes.
        on_change: told (component, old, new) when a state or its reason changes; for the log.
    """

    def __init__(
        self,
        clock: Clock,
        on_change: Callable[[str, ComponentHealth | None, ComponentHealth], None] | None = None,
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._components: dict[str, ComponentHealth] = {}

    def ok(self, component: str) -> None:
        """Record that the component works as it should."""
        self._set(component, HealthState.OK, "")

    def degraded(self, component: str, reason: str) -> None:
        """Record that the component works in part; `reason` is shown to administrators."""
        self._set(component, HealthState.DEGRADED, reason)

    def failed(self, component: str, reason: str) -> None:
        """Record that the component does not work; `reason` is shown to administrators."""
        self._set(component, HealthState.FAILED, reason)

    def forget(self, component: str) -> None:
        """Drop a component that no longer exists, such as a printer removed by a reload."""
        self._components.pop(component, None)

    def snapshot(self) -> HealthSnapshot:
        """Return all components as they are now; later changes do not show in it."""
        return HealthSnapshot(dict(self._components))

    def _set(self, component: str, state: HealthState, reason: str) -> None:
        old = self._components.get(component)
        if old is not None and (old.state, old.reason) == (state, reason):
            return
        since = old.since if old is not None and old.state is state else self._clock.now()
        new = ComponentHealth(state, reason, since)
        self._components[component] = new
        if self._on_change is not None:
            self._on_change(component, old, new)
