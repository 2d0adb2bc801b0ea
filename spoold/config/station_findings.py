"""Mistakes in what the file says of badges and stations: unknown printers, lengths that cannot tell."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from policy.suggestion import closest
from spoold.config.problems import Finding, KeyPath
from spoold.config.values import parse_duration
from spoold.model.badge import Alphabet, BadgeFormat, Check, trouble_of

Raw = Mapping[str, Any]
# As long as a proof lets paper out; the next person stands at the same screen.
MAX_SESSION_S = 120.0


def findings(raw: Raw) -> Iterator[Finding]:
    """Yield every mistake in [badges] and [stations] that no single key shows."""
    if isinstance(raw.get("badges"), Mapping):
        yield from _badges(raw["badges"])
    printers = _table(raw, "printers")
    for name, station in _table(raw, "stations").items():
        if isinstance(station, Mapping):
            yield from _station(
                ("stations", name), station, printers, badges=isinstance(raw.get("badges"), Mapping)
            )


def _badges(badges: Raw) -> Iterator[Finding]:
    lengths = badges.get("lengths")
    words = {key: badges.get(key, "") for key in ("facility", "prefix", "suffix")}
    if not isinstance(lengths, list | tuple) or not all(isinstance(value, str) for value in words.values()):
        return
    try:
        badge_format = BadgeFormat(
            lengths=frozenset(length for length in lengths if isinstance(length, int)),
            alphabet=Alphabet(badges.get("alphabet", Alphabet.DIGITS)),
            check=Check(badges.get("check", Check.NONE)),
            **words,
        )
    except ValueError:
        return
    if trouble := trouble_of(badge_format):
        yield Finding(("badges", "lengths"), trouble)


def _station(path: KeyPath, station: Raw, printers: Raw, *, badges: bool) -> Iterator[Finding]:
    printer, ways = station.get("printer"), station.get("sign_in")
    if isinstance(printer, str) and printer not in printers:
        yield Finding(
            (*path, "printer"), f'there is no printer named "{printer}"', closest(printer, printers)
        )
    for index, way in enumerate(ways if isinstance(ways, list | tuple) else ()):
        if way == "badge+pin" and not badges:
            yield Finding(
                (*path, "sign_in", index), '"badge+pin" needs a [badges] table: how badge numbers look'
            )
    networks = station.get("networks")
    for index, text in enumerate(networks if isinstance(networks, list | tuple) else ()):
        if isinstance(text, str) and text.endswith(("/0", "/00")):
            yield Finding(
                (*path, "networks", index), "names every address there is; name the station's network"
            )
    try:
        session_s = parse_duration(station.get("session", "60s")).total_seconds()
    except PydanticCustomError:
        return
    if session_s > MAX_SESSION_S:
        yield Finding((*path, "session"), "must be at most 2m: the next person stands at the same screen")


def _table(raw: Raw, key: str) -> Raw:
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}
