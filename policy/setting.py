"""Setting: what rules may name besides facts: schedules, calendars, networks, queues and printers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from policy.access import Access
from policy.surroundings import Networks

_NONE: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Setting:
    """The site as its rules know it.

    Args:
        schedules: periods by name, as `policy.schedule.parse_schedule` reads them.
        holidays: days by name of the calendar, as `policy.holidays.parse_calendar` reads them.
        networks: by name.
        access: who may use queues, printers and paper.
        queues: the printers of each queue; None where they are not known, and then any name may be right.
        words: values that a fact can have at this site only, such as ("printer", "location").
        unpriced: printers of which nobody has said what a page costs.
    """

    schedules: Mapping[str, Sequence[str]] = field(default_factory=lambda: _NONE)
    holidays: Mapping[str, Sequence[str]] = field(default_factory=lambda: _NONE)
    networks: Networks = field(default_factory=lambda: _NONE)
    access: Access = field(default_factory=Access)
    queues: Mapping[str, Sequence[str]] | None = None
    words: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=lambda: _NONE)
    unpriced: Collection[str] = ()

    def words_of(self, group: str, name: str) -> tuple[str, ...]:
        """Return the values that a fact can have at this site; empty when any is possible."""
        if self.queues is not None and (group, name) == ("queue", "name"):
            return tuple(self.queues)
        if self.queues is not None and (group, name) == ("printer", "name"):
            return tuple(dict.fromkeys(printer for printers in self.queues.values() for printer in printers))
        if (group, name) == ("client", "network"):
            return (*self.networks, "")
        return self.words.get((group, name), ())

    def named(self, function: str) -> Collection[str]:
        """Return what a function takes: open() a schedule, inside() a network, holiday() a calendar."""
        return {"open": self.schedules, "inside": self.networks, "holiday": self.holidays}[function]
