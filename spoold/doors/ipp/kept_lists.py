"""What was answered to Get-Jobs, for the next time: clients ask the same again and again."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from spoold.database.listing import Mark

# Some twelve ways of asking for 1,000 jobs; with the groups one by one, three times as much memory.
MAX_KEPT_OCTETS = 4 * 1024 * 1024
# Questions differ by whatever a client writes into them, and each is a kilobyte: an answer without a job must
# not be kept for nothing. More ways of asking than a busy site has clients that ask at the same time.
MAX_KEPT = 256


@dataclass(frozen=True, slots=True)
class KeptList:
    """One answer.

    Args:
        version: of the database; while it is the same, so is the answer.
        octets: the groups, joined.
        groups: by the mark of the row each was made of.
    """

    version: int
    octets: bytes
    groups: Mapping[Mark, bytes]


class KeptLists:
    """Answers by question; the oldest go when there are too many."""

    def __init__(self, max_octets: int = MAX_KEPT_OCTETS, max_kept: int = MAX_KEPT) -> None:
        self._max_octets = max_octets
        self._max_kept = max_kept
        self._octets = 0
        self._kept: OrderedDict[Hashable, KeptList] = OrderedDict()

    def find(self, question: Hashable) -> KeptList | None:
        """Return what was answered to this question the last time."""
        return self._kept.get(question)

    def keep(self, question: Hashable, version: int, groups: Iterable[tuple[Mark, bytes]]) -> bytes:
        """Keep an answer in place of an older one; returns its groups, joined in their order."""
        by_mark = dict(groups)
        octets = b"".join(by_mark.values())
        before = self._kept.pop(question, None)
        self._octets += len(octets) - (len(before.octets) if before is not None else 0)
        self._kept[question] = KeptList(version, octets, by_mark)
        while self._octets > self._max_octets or len(self._kept) > self._max_kept:
            _, dropped = self._kept.popitem(last=False)
            self._octets -= len(dropped.octets)
        return octets
