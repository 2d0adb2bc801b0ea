"""Demands: what a condition asks of one fact, and whether several of them can hold together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address
from itertools import pairwise
from typing import Any

from policy import cel_library

# Whole numbers between two bounds are tried one by one up to here.
_MAX_TRIED = 1_000
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Test:
    """A test of a value.

    Args:
        kind: "is" (true or false), "in", "not in", "<", "<=", ">", ">=" or a method of strings.
        wanted: whether a method shall hold.
    """

    kind: str
    value: Any
    wanted: bool = True

    def holds(self, found: Any) -> bool:
        """Return whether a value passes."""
        match self.kind:
            case "is":
                return found is self.value
            case "in":
                return found in self.value
            case "not in":
                return found not in self.value
            case "startsWith":
                return found.startswith(self.value) is self.wanted
            case "endsWith":
                return found.endswith(self.value) is self.wanted
            case "contains":
                return (self.value in found) is self.wanted
            case "matches":
                program = cel_library.compile_expression("text.matches(pattern)")
                return program.execute({"text": found, "pattern": self.value}) is self.wanted
        return _ORDERS[self.kind](found, self.value)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


@dataclass(frozen=True, slots=True)
class Demand:
    """A test of one fact, or of a part of the condition that is true or false.

    Args:
        subject: the fact as "user.name", or the part as text.
        at: where it stands in the condition; -1 when it does not.
    """

    subject: str
    test: Test
    at: int = -1


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that a fact can have.

    Args:
        values: all of them; None when there are too many to tell.
        least, most: bounds of a number.
    """

    values: tuple[str, ...] | None = None
    least: int | None = None
    most: int | None = None

    def is_outside(self, value: Any) -> bool:
        """Return whether a number is one that the fact never is."""
        if not isinstance(value, int) or isinstance(value, bool) or self.least is None:
            return False
        return value < self.least or (self.most is not None and value > self.most)

    def words(self, subject: str) -> str:
        """Return the values in words."""
        if subject in SHAPES:
            return SHAPES[subject][1]
        if self.values is not None:
            return f"one of {', '.join(self.values)}"
        if self.most is not None:
            return f"{self.least} to {self.most}"
        return f"{self.least} or more" if self.least is not None else "never so"


def one_of(subject: str, values: Iterable[str | int]) -> Demand:
    """Return the demand that a fact is one of these."""
    return Demand(subject, Test("in", tuple(values)))


def conflict(demands: Sequence[Demand], domain: Callable[[str], Domain]) -> Demand | None:
    """Return the last demand on a fact that cannot meet all that is demanded of it, or None."""
    by_subject: dict[str, list[Demand]] = {}
    for demand in demands:
        by_subject.setdefault(demand.subject, []).append(demand)
    for subject, found in by_subject.items():
        if not _possible(subject, [one.test for one in found], domain(subject)):
            return found[-1]
    return None


def _possible(subject: str, tests: Sequence[Test], domain: Domain) -> bool:
    flags = {test.value for test in tests if test.kind == "is"}
    if flags:
        return len(flags) == 1
    candidates: set[Any] | None = set(domain.values) if domain.values is not None else None
    for test in tests:
        if test.kind == "in":
            candidates = set(test.value) if candidates is None else candidates & set(test.value)
    if candidates is not None:
        return any(_fits(subject, one, tests, domain) for one in candidates)
    if domain.least is not None or any(_is_number(test.value) for test in tests if test.kind in _ORDERS):
        return _number_possible(tests, domain)
    return _string_possible(tests)


def _fits(subject: str, value: Any, tests: Sequence[Test], domain: Domain) -> bool:
    if domain.is_outside(value):
        return False
    if subject in SHAPES and isinstance(value, str) and not SHAPES[subject][0](value):
        return False
    return all(test.holds(value) for test in tests)


def _number_possible(tests: Sequence[Test], domain: Domain) -> bool:
    least = -_MOST if domain.least is None else domain.least
    most = _MOST if domain.most is None else domain.most
    for test in tests:
        match test.kind:
            case "<":
                most = min(most, test.value - 1)
            case "<=":
                most = min(most, test.value)
            case ">":
                least = max(least, test.value + 1)
            case ">=":
                least = max(least, test.value)
    if least > most:
        return False
    if most - least > _MAX_TRIED:
        return True
    return any(all(test.holds(value) for test in tests) for value in range(least, most + 1))


def _string_possible(tests: Sequence[Test]) -> bool:
    """Tell whether some string can pass; only beginnings and ends that exclude one another are seen."""
    for kind, fits in (("startsWith", str.startswith), ("endsWith", str.endswith)):
        wanted = sorted((one.value for one in tests if one.kind == kind and one.wanted), key=len)
        if any(not fits(longer, shorter) for shorter, longer in pairwise(wanted)):
            return False
        longest = wanted[-1] if wanted else ""
        refused = [one.value for one in tests if one.kind == kind and not one.wanted]
        if any(fits(longest, one) for one in refused):
            return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        # Where the client is on this machine there may be none.
        return not text
    return True


# Facts that are strings of a shape, and the shape in words.
SHAPES: dict[str, tuple[Callable[[str], bool], str]] = {
    "time.date": (_is_date, 'a date such as "2026-12-24"'),
    "client.address": (_is_address, 'an address such as "10.20.4.7"'),
}
