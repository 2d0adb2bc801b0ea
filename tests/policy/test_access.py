"""Where groups are named, nobody else gets in: at the queue, at the printer, at the paper."""

from datetime import UTC, datetime

import pytest

from policy.access import Access, names_of
from policy.decision import Stage
from policy.engine import PolicyEngine
from policy.facts import Facts, JobFacts, PrinterFacts, QueueFacts, UserFacts
from policy.setting import Setting

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ACCESS = Access(
    queues={"exams": ["teachers", "office"]},
    printers={"vault": ["office"]},
    media={"lobby": {"stationery-letterhead": ["office"], "tray-3": ["office"]}},
)
ENGINE = PolicyEngine([], Setting(access=ACCESS), UTC)


def person(*groups: str) -> UserFacts:
    return UserFacts("ana", groups, ("user",), authenticated=True)


def verdict(stage: Stage, facts: Facts) -> tuple[str, str | None]:
    decision = ENGINE.decide(stage, facts, NOW)
    return decision.verdict, decision.rule


@pytest.mark.parametrize(
    ("facts", "stage", "rule"),
    [
        (Facts(QueueFacts("exams"), person("teachers")), "accept", None),
        (Facts(QueueFacts("exams"), person("pupils")), "accept", "[queues.exams] groups"),
        (Facts(QueueFacts("exams"), person()), "release", "[queues.exams] groups"),
        (Facts(QueueFacts("open"), person()), "accept", None),
        # Nobody is proven yet: asked at release.
        (Facts(QueueFacts("exams"), UserFacts("ana")), "accept", None),
        (Facts(QueueFacts("exams"), UserFacts("ana")), "release", "[queues.exams] groups"),
        # Groups of somebody who is not proven are nothing.
        (Facts(QueueFacts("exams"), UserFacts("ana", ["teachers"])), "release", "[queues.exams] groups"),
        (Facts(QueueFacts("open"), person("office"), printer=PrinterFacts("vault")), "release", None),
        (
            Facts(QueueFacts("open"), person("teachers"), printer=PrinterFacts("vault")),
            "release",
            "[printers.vault] groups",
        ),
        (Facts(QueueFacts("open"), person(), printer=PrinterFacts("lobby")), "release", None),
        (
            Facts(
                QueueFacts("open"),
                person(),
                JobFacts(media_type="stationery-letterhead"),
                printer=PrinterFacts("lobby"),
            ),
            "release",
            "[printers.lobby] restricted_media.stationery-letterhead",
        ),
        (
            Facts(
                QueueFacts("open"), person(), JobFacts(media_source="tray-3"), printer=PrinterFacts("lobby")
            ),
            "release",
            "[printers.lobby] restricted_media.tray-3",
        ),
        (
            Facts(
                QueueFacts("open"),
                person("office"),
                JobFacts(media_source="tray-3"),
                printer=PrinterFacts("lobby"),
            ),
            "release",
            None,
        ),
    ],
)
def test_access_is_for_members(facts: Facts, stage: Stage, rule: str | None) -> None:
    assert verdict(stage, facts) == ("deny" if rule else "allow", rule)


def test_a_refusal_says_who_may_and_what_to_do() -> None:
    words = ENGINE.decide("accept", Facts(QueueFacts("exams"), person()), NOW).message
    assert words == (
        'Printing to "exams" is for members of "teachers" or "office". '
        "Ask for it there, or print to another queue."
    )
    unproven = ENGINE.decide("release", Facts(QueueFacts("exams"), UserFacts("ana")), NOW).message
    assert unproven.startswith("Nobody has signed in for this job")


def test_access_is_asked_even_without_rules() -> None:
    assert ENGINE.asks("accept")
    assert ENGINE.asks("accept", early=True)
    only_printers = PolicyEngine([], Setting(access=Access(printers={"vault": ["office"]})), UTC)
    assert not only_printers.asks("accept")
    assert only_printers.asks("release")


def test_every_refusal_has_a_name() -> None:
    assert ACCESS.outcomes() == (
        "[queues.exams] groups",
        "[printers.vault] groups",
        "[printers.lobby] restricted_media.stationery-letterhead",
        "[printers.lobby] restricted_media.tray-3",
    )


def test_groups_in_words() -> None:
    assert names_of(["a", "b", "c"]) == '"a", "b" or "c"'
