"""Mistakes in rules and schedules, found on the plain document by the policy's own checks."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from pydantic_core import PydanticCustomError

from policy.possible import doubts_of
from policy.rules import PolicyProblem, RuleSource, problems_of
from policy.setting import Setting
from policy.suggestion import closest
from spoold.config.problems import Finding, KeyPath
from spoold.config.values import parse_network

Raw = Mapping[str, Any]
NO_ARCHIVE = "there is no [archive] section that says for whom copies are kept, and for how long"


def findings(raw: Raw) -> Iterator[Finding]:
    """Yield every mistake in rules, schedules and holidays; parts of the wrong type are passed over."""
    rules = raw.get("rules")
    rules = [rule if isinstance(rule, Mapping) else {} for rule in rules] if isinstance(rules, list) else []
    sources = [_draft(index, rule) for index, rule in enumerate(rules)]
    setting = _setting(raw)
    for problem in (*problems_of(sources, setting), *doubts_of(sources, setting)):
        yield Finding(_path(problem), problem.message, problem.suggestion, offset=problem.offset)
    known = list(_table(raw, "queues"))
    for index, rule in enumerate(rules):
        if rule.get("archive") is True and "archive" not in raw:
            yield Finding(("rules", index, "archive"), NO_ARCHIVE)
        for position, name in enumerate(_strings(rule.get("queues"))):
            if name and name not in known:
                path = ("rules", index, "queues", position)
                yield Finding(path, f'there is no queue named "{name}"', closest(name, known))


def known_words(locations: Iterable[str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the values that facts can have at a site only, besides the names of queues and printers."""
    return {("printer", "location"): tuple(dict.fromkeys(locations))}


def _setting(raw: Raw) -> Setting:
    """Return what rules may name, as far as it can be read."""
    queues = {
        name: _strings(queue.get("printers") if isinstance(queue, Mapping) else None)
        for name, queue in _table(raw, "queues").items()
    }
    printers = {name: one for name, one in _table(raw, "printers").items() if isinstance(one, Mapping)}
    locations = [one.get("location", "") for one in printers.values()]
    return Setting(
        schedules={name: _strings(one, "Mon") for name, one in _lists(raw, "schedules")},
        holidays={name: _strings(one, "01-01") for name, one in _lists(raw, "holidays")},
        networks={name: _networks(one) for name, one in _table(raw, "networks").items()},
        queues=queues or None,
        words=known_words(one for one in locations if isinstance(one, str)),
        unpriced=[name for name, one in printers.items() if "cost" not in one],
    )


def _table(raw: Raw, key: str) -> Raw:
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}


def _lists(raw: Raw, key: str) -> Iterator[tuple[str, object]]:
    return ((name, one) for name, one in _table(raw, key).items() if isinstance(one, list))


def _strings(value: object, stand_in: str = "") -> tuple[str, ...]:
    items = value if isinstance(value, list) else ()
    return tuple(item if isinstance(item, str) else stand_in for item in items)


def _networks(value: object) -> tuple[IPv4Network | IPv6Network, ...]:
    found: list[IPv4Network | IPv6Network] = []
    for text in _strings(value):
        try:
            found.append(parse_network(text))
        except PydanticCustomError:
            # Said with the value itself.
            continue
    return tuple(found)


def _draft(index: int, rule: Raw) -> RuleSource:
    """Return a rule with harmless stand-ins for what is missing or of the wrong type."""

    def text(key: str, stand_in: str) -> str:
        value = rule.get(key)
        return value if isinstance(value, str) else stand_in

    stage = rule.get("stage")
    settings = rule.get("set")
    settings = dict(settings) if isinstance(settings, Mapping) else {"set": 1} if "set" in rule else {}
    limit = settings.pop("copies_limit", None)
    return RuleSource(
        name=text("name", f"\0{index}"),
        when=text("when", "true"),
        stage=stage if stage in ("accept", "release") else None,
        queues=_strings(rule.get("queues")) or None,
        deny=text("deny", "") if "deny" in rule else None,
        hold=text("hold", "") if "hold" in rule else None,
        set_attributes=settings,
        expires_after_s=1 if "expires_after" in rule else None,
        allow=bool(rule.get("allow")),
        approvers=_strings(rule.get("approvers"), "?"),
        copies_limit=limit if isinstance(limit, int) else None if limit is None else 1,
        redirect=_strings(rule.get("redirect")),
        prefer="cheapest" if "prefer" in rule else None,
        mask=bool(rule.get("mask")),
        archive=bool(rule.get("archive")),
        watermark=text("watermark", "?") if "watermark" in rule else None,
    )


def _path(problem: PolicyProblem) -> KeyPath:
    if problem.schedule:
        return (problem.field, *problem.schedule)
    if problem.item is not None:
        return ("rules", problem.rule or 0, problem.field, problem.item)
    return ("rules", problem.rule or 0, problem.field)
