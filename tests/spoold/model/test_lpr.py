"""What is known of LPR senders by their address."""

from ipaddress import ip_network

import pytest

from spoold.model.lpr import LprNetwork, NameFrom, without_domain

HERE = (ip_network("10.20.0.0/16"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("host", "held"),
    [
        ("10.20.255.1", True),
        ("2001:db8::1", True),
        ("10.21.0.1", False),
        ("::ffff:10.20.0.1", False),
        ("", False),
        ("print.example.org", False),
    ],
)
def test_an_address_is_inside_or_not(host: str, held: bool) -> None:
    assert LprNetwork(HERE).holds(host) is held


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (LprNetwork(HERE), "EX\\ana"),
        (LprNetwork(HERE, strip_domain=True), "ana"),
        (LprNetwork(HERE, name_from=NameFrom.CLASS), "ben@example.org"),
        (LprNetwork(HERE, name_from=NameFrom.CLASS, strip_domain=True), "ben"),
        (LprNetwork(HERE, name_from=NameFrom.BANNER), "cleo"),
    ],
)
def test_the_name_comes_from_where_the_site_says(network: LprNetwork, name: str) -> None:
    assert network.named(user="EX\\ana", banner="cleo", job_class="ben@example.org") == name


def test_the_banner_s_user_stands_in_for_a_missing_one() -> None:
    assert LprNetwork(HERE).named(user="", banner="cleo", job_class="") == "cleo"
    assert LprNetwork(HERE, name_from=NameFrom.CLASS).named(user="ana", banner="cleo", job_class="") == ""


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("ana", "ana"),
        ("EXAMPLE\\ana", "ana"),
        ("ana@example.org", "ana"),
        ("EXAMPLE\\ana@example.org", "ana"),
        ("\\", ""),
        ("", ""),
    ],
)
def test_a_domain_is_taken_off(name: str, bare: str) -> None:
    assert without_domain(name) == bare
