"""The vocabulary of rules is exactly the facts that exist."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from policy.facts import (
    FACTS,
    ClientFacts,
    DocumentFacts,
    Facts,
    JobFacts,
    Kind,
    PrinterFacts,
    QueueFacts,
    UserFacts,
    variables,
)
from policy.surroundings import Surroundings

NOW = datetime(2026, 3, 7, 9, 5, tzinfo=UTC)
FULL = Facts(
    queue=QueueFacts("secure"),
    user=UserFacts("anna", frozenset({"pupils"}), ("user",), authenticated=True),
    job=JobFacts(impressions=6, submitted_at=NOW - timedelta(minutes=61, seconds=30)),
    document=DocumentFacts("application/pdf", 1, 3, encrypted=False, broken=False, known=True),
    client=ClientFacts("192.0.2.1", "ipp"),
    printer=PrinterFacts("lobby", "Lobby", color=True, ready=True, cost=50),
)
AROUND = Surroundings(NOW)
EVERYTHING = [(group, name) for group in FACTS for name in FACTS[group]]
PYTHON_TYPES: dict[Kind, type] = {Kind.BOOL: bool, Kind.INT: int, Kind.STRING: str, Kind.STRINGS: list}


def test_every_fact_of_the_vocabulary_has_a_value_of_its_type() -> None:
    given = variables(FULL, AROUND, EVERYTHING)
    assert {group: set(names) for group, names in given.items()} == {
        group: set(names) for group, names in FACTS.items()
    }
    for group, names in FACTS.items():
        for name, fact in names.items():
            assert type(given[group][name]) is PYTHON_TYPES[fact.kind], f"{group}.{name}"


def test_every_field_of_the_facts_is_in_the_vocabulary() -> None:
    # Seen by rules as its age, since they compare numbers.
    renamed = {"submitted_at": "age_minutes"}
    for group in dataclasses.fields(Facts):
        value = getattr(FULL, group.name)
        fields = {renamed.get(field.name, field.name) for field in dataclasses.fields(value)}
        assert fields == set(FACTS[group.name]) - ({"network"} if group.name == "client" else set())


def test_values_with_closed_sets_are_in_them() -> None:
    given = variables(FULL, AROUND, EVERYTHING)
    for group, names in FACTS.items():
        for name, fact in names.items():
            if fact.words:
                value = given[group][name]
                assert set(value if isinstance(value, list) else [value]) <= set(fact.words)


def test_time_is_the_local_one() -> None:
    assert variables(FULL, AROUND, [one for one in EVERYTHING if one[0] == "time"]) == {
        "time": {
            "hour": 9,
            "minute": 5,
            "weekday": "Sat",
            "day": 7,
            "month": 3,
            "year": 2026,
            "date": "2026-03-07",
        }
    }


def test_only_the_facts_asked_for_are_made() -> None:
    given = variables(FULL, AROUND, [("user", "name"), ("queue", "name")])
    assert given == {"user": {"name": "anna"}, "queue": {"name": "secure"}}


def test_what_is_unknown_is_left_out() -> None:
    given = variables(Facts(queue=QueueFacts("secure")), AROUND, EVERYTHING)
    assert not {"pages", "encrypted", "broken"} & set(given["document"])
    assert "impressions" not in given["job"]
    assert given["printer"] == {}
    assert given["document"]["known"] is False


@pytest.mark.parametrize(
    ("submitted_at", "minutes"),
    [(None, 0), (NOW - timedelta(minutes=61, seconds=30), 61), (NOW + timedelta(minutes=5), 0)],
)
def test_the_age_of_a_job_is_whole_minutes_and_never_negative(
    submitted_at: datetime | None, minutes: int
) -> None:
    facts = Facts(queue=QueueFacts("secure"), job=JobFacts(submitted_at=submitted_at))
    assert variables(facts, AROUND, [("job", "age_minutes")])["job"]["age_minutes"] == minutes
