"""A loaded configuration always gives a policy that can be asked."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from policy.facts import ClientFacts, Facts, JobFacts, PrinterFacts, QueueFacts, UserFacts
from spoold.config.model import Config
from spoold.config.sitepolicy import compile_policy, site_time_zone

ZONES = Path("/usr/share/zoneinfo")
# 08:30 in Paris in winter.
MORNING = datetime(2026, 1, 5, 7, 30, tzinfo=UTC)
PUPIL = Facts(queue=QueueFacts("secure"), user=UserFacts("anna", ("pupils",)))


def config(timezone: str = "UTC", **sections: Any) -> Config:
    return Config.model_validate(
        {
            "server": {"name": "print.example.org", "timezone": timezone},
            "store": {"key": "credential:store-key"},
            "printers": {"lobby": {"uri": "ipps://192.0.2.21/ipp/print"}},
            "queues": {"secure": {"printers": ["lobby"]}},
            **sections,
        }
    )


def test_rules_and_schedules_of_the_file_decide() -> None:
    hours = {
        "rules": [{"name": "hours", "when": '!open("hours")', "deny": "Come back later."}],
        "schedules": {"hours": ["Mon-Fri 08:00-17:00"]},
    }
    assert compile_policy(config("Europe/Paris", **hours)).decide("accept", PUPIL, MORNING).verdict == "allow"
    denied = compile_policy(config("UTC", **hours)).decide("accept", PUPIL, MORNING)
    assert (denied.verdict, denied.message, denied.rule) == ("deny", "Come back later.", "hours")


def test_everything_a_rule_says_reaches_the_decision() -> None:
    rule = {
        "name": "eco",
        "when": "true",
        "hold": "Ask.",
        "set": {"sides": "two-sided-long-edge", "print-color-mode": "monochrome", "copies": 2},
        "expires_after": "90m",
        "stage": "accept",
        "queues": ["secure"],
    }
    engine = compile_policy(config(rules=[rule]))
    decision = engine.decide("accept", PUPIL, MORNING)
    assert (decision.verdict, decision.message, decision.hold_s) == ("hold-for-approval", "Ask.", 5400)
    assert dict(decision.set_attributes) == {
        "sides": "two-sided-long-edge",
        "print-color-mode": "monochrome",
        "copies": 2,
    }
    assert engine.decide("release", PUPIL, MORNING).verdict == "allow"
    assert engine.decide("accept", Facts(queue=QueueFacts("other")), MORNING).verdict == "allow"


def test_the_whole_model_of_decisions_can_be_written() -> None:
    rules = [
        {
            "name": "few",
            "when": 'inside("offices") && !holiday() && user.method == "badge"',
            "stage": "release",
            "set": {"copies_limit": 2},
            "mask": True,
            "redirect": ["lobby"],
            "allow": True,
        },
        {"name": "ask", "when": "true", "hold": "Ask.", "approvers": ["teachers", "user:mia"]},
    ]
    engine = compile_policy(
        config(
            rules=rules,
            networks={"offices": ["10.0.0.0/8"]},
            holidays={"public": ["12-25"]},
            printers={
                "lobby": {
                    "uri": "ipps://192.0.2.21/ipp/print",
                    "groups": ["staff"],
                    "restricted_media": {"tray-2": ["office"]},
                }
            },
            queues={"secure": {"printers": ["lobby"], "groups": ["staff", "pupils"]}},
        )
    )
    badge = UserFacts("mia", ("staff",), authenticated=True, method="badge")
    here = ClientFacts("10.1.2.3")
    facts = Facts(QueueFacts("secure"), badge, JobFacts(copies=9), client=here, printer=PrinterFacts("lobby"))
    decision = engine.decide("release", facts, MORNING)
    assert (decision.verdict, decision.redirect, decision.mask) == ("allow", ("lobby",), True)
    assert dict(decision.set_attributes) == {"copies": 2}
    held = engine.decide("accept", facts, MORNING)
    assert (held.holding, held.approvers) == (("ask",), (("teachers", "user:mia"),))
    assert engine.setting.access.outcomes() == (
        "[queues.secure] groups",
        "[printers.lobby] groups",
        "[printers.lobby] restricted_media.tray-2",
    )


def test_a_named_zone_is_that_zone() -> None:
    assert site_time_zone(config("Europe/Paris")) == ZoneInfo("Europe/Paris")


@pytest.mark.parametrize("copied", [False, True])
def test_local_is_the_zone_of_the_machine(tmp_path: Path, copied: bool) -> None:
    local_time = tmp_path / "localtime"
    if copied:
        shutil.copy(ZONES / "Europe/Paris", local_time)
    else:
        local_time.symlink_to(ZONES / "Europe/Paris")
    zone = site_time_zone(config("local"), local_time)
    assert MORNING.astimezone(zone).hour == 8


def test_a_machine_without_zone_is_in_utc(tmp_path: Path) -> None:
    assert site_time_zone(config("local"), tmp_path / "missing") is UTC
