"""Mistakes in rules and schedules, found on the plain document by the policy's own checks."""

from collections.abc import Iterator, Mapping
from typing import Any

from policy.rules import PolicyProblem, RuleSource, problems_of
from policy.setting import Setting
from policy.suggestion import closest
from spoold.config.problems import Finding, KeyPath


def findings(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield every mistake in rules and schedules; parts of the wrong type are passed over."""
    rules = raw.get("rules")
    rules = [rule if isinstance(rule, Mapping) else {} for rule in rules] if isinstance(rules, list) else []
    schedules = raw.get("schedules")
    schedules = {
        name: [period if isinstance(period, str) else "Mon" for period in periods]
        for name, periods in (schedules.items() if isinstance(schedules, Mapping) else ())
        if isinstance(periods, list)
    }
    sources = [_draft(index, rule) for index, rule in enumerate(rules)]
    for problem in problems_of(sources, Setting(schedules)):
        yield Finding(_path(problem), problem.message, problem.suggestion, offset=problem.offset)
    queues = raw.get("queues")
    known = list(queues) if isinstance(queues, Mapping) else []
    for index, rule in enumerate(rules):
        named = rule.get("queues")
        for position, name in enumerate(named if isinstance(named, list) else ()):
            if isinstance(name, str) and name not in known:
                path = ("rules", index, "queues", position)
                yield Finding(path, f'there is no queue named "{name}"', closest(name, known))


def _draft(index: int, rule: Mapping[str, Any]) -> RuleSource:
    """Return a rule with harmless stand-ins for what is missing or of the wrong type."""

    def text(key: str, stand_in: str) -> str:
        value = rule.get(key)
        return value if isinstance(value, str) else stand_in

    stage = rule.get("stage")
    return RuleSource(
        name=text("name", f"\0{index}"),
        when=text("when", "true"),
        stage=stage if stage in ("accept", "release") else None,
        deny=text("deny", "") if "deny" in rule else None,
        hold=text("hold", "") if "hold" in rule else None,
        set_attributes={"set": 1} if rule.get("set") else {},
        expires_after_s=1 if "expires_after" in rule else None,
    )


def _path(problem: PolicyProblem) -> KeyPath:
    if problem.schedule:
        return ("schedules", *problem.schedule)
    return ("rules", problem.rule or 0, problem.field)
