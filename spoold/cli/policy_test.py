"""Runs an administrator's cases against the rules of a configuration file."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spoold.cli.output import clean, config_option, json_option, print_json
from spoold.model.errors import ConfigurationError

if TYPE_CHECKING:
    from policy.decision import Decision, RuleOutcome
    from policy.engine import PolicyEngine
    from spoold.config.model import Printer
    from spoold.config.policy_cases import Case

_DECISIONS = {"allow": "allow", "deny": "deny", "hold-for-approval": "hold"}


@click.command()
@config_option
@json_option
@click.option("--coverage", is_flag=True, help="Also fail when something a rule can do has no case.")
@click.argument("file", type=click.Path(dir_okay=False))
def test(config_path: str, as_json: bool, coverage: bool, file: str) -> int:
    """Run the cases of FILE (TOML) against the rules. Exit status 1 if any is decided otherwise."""
    from policy.coverage import missing  # noqa: PLC0415 - the rules' language, for this command only
    from spoold.config.loader import load  # noqa: PLC0415
    from spoold.config.policy_cases import load_cases  # noqa: PLC0415
    from spoold.config.sitepolicy import compile_policy  # noqa: PLC0415

    config = load(Path(config_path))
    engine = compile_policy(config)
    cases = load_cases(Path(file))
    unknown = [
        f"{file}: {case.name}: {one}" for case in cases for one in case.unknown(engine, config.printers)
    ]
    if unknown:
        raise ConfigurationError("\n".join(unknown))
    shown: list[RuleOutcome] = []
    failed = 0
    for case in cases:
        decision, outcomes = _run(engine, case, config.printers)
        shown += outcomes
        wrong = _differences(case, decision)
        failed += bool(wrong)
        _report(case, decision, wrong, as_json=as_json)
    lacking = missing(engine, shown) if coverage else ()
    if as_json:
        if coverage:
            print_json({"missing": [{"rule": one.rule, "outcome": one.kind} for one in lacking]})
    else:
        for one in lacking:
            click.echo(clean(f"no case: {one}"))
        total = f"{len(cases)} case{'s' * (len(cases) != 1)}, {failed} decided otherwise"
        click.echo(total + (f", {len(lacking)} outcomes without a case" if coverage else ""))
    return 1 if failed or lacking else 0


def _run(
    engine: "PolicyEngine", case: "Case", printers: Mapping[str, "Printer"]
) -> tuple["Decision", list["RuleOutcome"]]:
    """Return the decision and what every rule that was asked on the way to it said."""
    facts = case.facts(engine.timezone, printers)
    found = engine.explain(case.asked_at, facts, case.moment(engine.timezone))
    outcomes = [outcome for one in found.rules if not one.late for outcome in one.outcomes]
    return found.decision, [*found.decision.because, *outcomes]


def _differences(case: "Case", decision: "Decision") -> dict[str, tuple[Any, Any]]:
    """Return what was expected and what came, by key, where they differ."""
    found: dict[str, Any] = {
        "decision": _DECISIONS[decision.verdict],
        "rule": decision.rule,
        "rules": tuple(dict.fromkeys(outcome.rule for outcome in decision.because)),
        "set": dict(decision.set_attributes),
        "redirect": decision.redirect,
        "prefer": "cheapest" if decision.cheapest else None,
        "mask": decision.mask,
        "watermark": decision.watermark,
        "archive": decision.archive,
        "expires_after_s": decision.hold_s,
        "approvers": decision.approvers,
    }
    wanted = case.expect.model_dump(exclude_none=True)
    return {key: (value, found[key]) for key, value in wanted.items() if value != found[key]}


def _report(
    case: "Case", decision: "Decision", wrong: Mapping[str, tuple[Any, Any]], *, as_json: bool
) -> None:
    from policy.explain import explain as in_words  # noqa: PLC0415 - as above

    if as_json:
        differences = {key: {"expected": one, "decided": other} for key, (one, other) in wrong.items()}
        print_json({"case": case.name, "passed": not wrong, "differences": differences})
        return
    if not wrong:
        return
    click.echo(clean(f"{case.name}:"))
    for key, (expected, decided) in wrong.items():
        click.echo(clean(f"  - {key} = {_shown(expected)}"))
        click.echo(clean(f"  + {key} = {_shown(decided)}"))
    click.echo(clean(f"    {in_words(decision)}"))


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_shown(one)}' for key, one in value.items())} }}"
    if value is None:
        return "nothing"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
