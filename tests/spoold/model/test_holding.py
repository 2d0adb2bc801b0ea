"""Until when a job is held: named times of day, times, and the mark of a PIN."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from protocols.ipp.encoder import encode_group
from protocols.ipp.message import Group
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import date_time, integer, keyword
from spoold.model.holding import BY_OWNER, BY_PIN, RELEASE_ACTION, awaits_pin, held_until, next_time

PARIS = ZoneInfo("Europe/Paris")
WEDNESDAY_NOON = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)  # 12:00 in Paris


@pytest.mark.parametrize(
    ("keyword_", "begins"),
    [
        ("day-time", "2026-07-01T12:00"),
        ("evening", "2026-07-01T18:00"),
        ("night", "2026-07-01T18:00"),
        ("second-shift", "2026-07-01T16:00"),
        ("third-shift", "2026-07-02T00:00"),
        ("weekend", "2026-07-04T00:00"),
    ],
)
def test_a_named_time_begins_in_the_site_s_zone(keyword_: str, begins: str) -> None:
    found = next_time(keyword_, WEDNESDAY_NOON, PARIS)
    assert found is not None
    assert found.astimezone(PARIS).isoformat(timespec="minutes")[:16] == begins


@pytest.mark.parametrize(
    ("keyword_", "hour", "is_now"),
    [
        ("day-time", 6, True),
        ("day-time", 18, False),
        ("night", 18, True),
        ("night", 5, True),
        ("night", 6, False),
        ("third-shift", 7, True),
        ("third-shift", 8, False),
        ("second-shift", 23, True),
        ("second-shift", 15, False),
    ],
)
def test_while_it_lasts_a_named_time_is_now(keyword_: str, hour: int, is_now: bool) -> None:
    now = datetime(2026, 7, 1, hour, 30, tzinfo=UTC)
    assert (next_time(keyword_, now, UTC) == now) == is_now


def test_the_weekend_lasts_two_days() -> None:
    for day in (4, 5):
        now = datetime(2026, 7, day, 15, tzinfo=UTC)
        assert next_time("weekend", now, UTC) == now


def test_other_words_name_no_time() -> None:
    assert next_time("indefinite", WEDNESDAY_NOON, UTC) is None
    assert next_time("no-hold", WEDNESDAY_NOON, UTC) is None
    assert next_time("teatime", WEDNESDAY_NOON, UTC) is None


def test_the_time_of_a_template() -> None:
    assert (
        held_until((integer("copies", 2), date_time("job-hold-until-time", WEDNESDAY_NOON))) == WEDNESDAY_NOON
    )
    assert held_until((keyword("job-hold-until", "indefinite"),)) is None


def test_a_pin_is_seen_without_decoding_the_template() -> None:
    for action, expected in ((BY_PIN, True), (BY_OWNER, False)):
        group = Group(GroupTag.JOB, (integer("copies", 2), keyword(RELEASE_ACTION, action)))
        assert awaits_pin(encode_group(group)) == expected
    assert not awaits_pin(b"")
