"""A decision knows the networks, holidays and schedules of its site at its moment."""

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from policy.holidays import parse_calendar
from policy.schedule import parse_schedule
from policy.surroundings import Surroundings

CHRISTMAS = Surroundings(
    datetime(2026, 12, 25, 10, tzinfo=UTC),
    schedules={"office": parse_schedule(["Mon-Fri 08:00-17:00"])},
    holidays={"public": parse_calendar(["12-25"]), "school": parse_calendar(["2026-07-06 to 2026-08-29"])},
    networks={
        "lab": [ip_network("10.20.4.0/24"), ip_network("2001:db8:4::/48")],
        "offices": [ip_network("10.20.0.0/16")],
    },
)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.20.4.7", "lab"),
        ("::ffff:10.20.4.7", "lab"),
        ("2001:db8:4::1%eth0", "lab"),
        ("10.20.5.1", "offices"),
        ("192.0.2.1", ""),
        ("nowhere", ""),
        ("", ""),
    ],
)
def test_an_address_is_in_the_first_network_that_has_it(address: str, network: str) -> None:
    assert CHRISTMAS.network_of(address) == network
    assert CHRISTMAS.is_inside("offices", address) is (network == "offices" or address.endswith("10.20.4.7"))


def test_a_holiday_is_one_of_any_calendar_or_of_the_one_named() -> None:
    assert CHRISTMAS.is_holiday()
    assert CHRISTMAS.is_holiday("public")
    assert not CHRISTMAS.is_holiday("school")


def test_what_is_not_configured_is_an_error_and_never_no() -> None:
    with pytest.raises(LookupError):
        CHRISTMAS.is_holiday("moon")
    with pytest.raises(LookupError):
        CHRISTMAS.is_open("moon")
    with pytest.raises(LookupError):
        CHRISTMAS.is_inside("moon", "10.0.0.1")


def test_schedules_are_closed_on_holidays() -> None:
    assert not CHRISTMAS.is_open("office")
