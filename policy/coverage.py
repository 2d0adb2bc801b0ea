"""Coverage: everything that a site's rules can do, and which of it a set of decisions has shown."""

from collections.abc import Iterable
from dataclasses import dataclass

from policy.decision import OutcomeKind, RuleOutcome
from policy.engine import PolicyEngine


@dataclass(frozen=True, order=True, slots=True)
class Reached:
    """One thing that a rule, or the groups of a queue or printer, can do."""

    rule: str
    kind: OutcomeKind

    def __str__(self) -> str:
        return f'"{self.rule}": {WORDS[self.kind]}'


WORDS: dict[OutcomeKind, str] = {
    "allow": "allows",
    "deny": "denies",
    "no-access": "refuses whoever is in none of the groups",
    "hold-for-approval": "holds for approval",
    "approved": "lets go what was approved",
    "set": "changes how it is printed",
    "limit": "bounds the copies",
    "redirect": "sends it to another printer",
    "shorten": "shortens the hold",
    "mask": "masks the name",
    "watermark": "stamps every page",
    "archive": "keeps a copy",
    "no-match": "does not apply",
}


def everything(engine: PolicyEngine) -> tuple[Reached, ...]:
    """Return every outcome that the rules and groups of a site can have, in file order."""
    found = [Reached(name, "no-access") for name in engine.setting.access.outcomes()]
    for rule in engine.rules:
        found += [Reached(rule.name, kind) for kind in rule.effects]
        if rule.hold is not None and rule.stage != "accept":
            found.append(Reached(rule.name, "approved"))
        if rule.when.strip() != "true":
            found.append(Reached(rule.name, "no-match"))
    return tuple(found)


def missing(engine: PolicyEngine, shown: Iterable[RuleOutcome]) -> tuple[Reached, ...]:
    """Return what no decision has shown, in file order."""
    seen = {Reached(outcome.rule, outcome.kind) for outcome in shown}
    return tuple(one for one in everything(engine) if one not in seen)
