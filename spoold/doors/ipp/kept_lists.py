"""Answers to Get-Jobs that hold until a row of the database changes: clients ask again and again."""

from collections import OrderedDict
from collections.abc import Hashable

# Some sixteen ways of asking for 1,000 jobs.
MAX_KEPT_OCTETS = 4 * 1024 * 1024


class KeptLists:
    """Job groups by question; the oldest go when there are too many."""

    def __init__(self, max_octets: int = MAX_KEPT_OCTETS) -> None:
        self._max_octets = max_octets
        self._octets = 0
        self._kept: OrderedDict[Hashable, tuple[int, bytes]] = OrderedDict()

    def find(self, question: Hashable, version: int) -> bytes | None:
        """Return the answer kept for this question, if it is of this state of the database."""
        found = self._kept.get(question)
        return found[1] if found is not None and found[0] == version else None

    def keep(self, question: Hashable, version: int, octets: bytes) -> None:
        """Keep an answer in place of an older one."""
        before = self._kept.pop(question, None)
        self._octets += len(octets) - (len(before[1]) if before is not None else 0)
        self._kept[question] = version, octets
        while self._octets > self._max_octets:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._octets -= len(dropped)
