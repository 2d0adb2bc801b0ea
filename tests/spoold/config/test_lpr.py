"""The [lpr] table: senders known by their address, and mistakes in what is said of them."""

from pathlib import Path

import pytest

from spoold.app.site import build_site
from spoold.config.loader import load
from spoold.config.problems import ConfigurationErrors
from spoold.model.lpr import NameFrom
from spoold.runtime.limits import DaemonLimits

FILE = """
[server]
name = "print.example.org"
[store]
key = "credential:store-key"
[printers.lobby]
uri = "ipps://192.0.2.21/ipp/print"
[queues.open]
printers = ["lobby"]
authentication = "at-release"
[queues.secure]
printers = ["lobby"]
[lpr]
allow = ["10.20.0.0/16", "2001:db8:20::/48"]
"""


def written(tmp_path: Path, networks: str) -> Path:
    path = tmp_path / "spoold.toml"
    path.write_text(FILE + networks)
    return path


def mistakes(tmp_path: Path, networks: str) -> list[str]:
    with pytest.raises(ConfigurationErrors) as caught:
        load(written(tmp_path, networks))
    return str(caught.value).splitlines()


def test_what_is_known_of_senders_reaches_the_site(tmp_path: Path) -> None:
    networks = """
[[lpr.networks]]
addresses = ["10.20.7.4", "2001:db8:20::7"]
account = "billing"
queue = "secure"
[[lpr.networks]]
addresses = ["10.20.8.0/24"]
name_from = "class"
strip_domain = true
queue = "open"
[[lpr.networks]]
addresses = ["10.20.0.0/16"]
"""
    site = build_site(load(written(tmp_path, networks)), DaemonLimits())
    billing, office, others = site.lpr_networks
    assert billing.holds("10.20.7.4")
    assert billing.holds("2001:db8:20::7")
    assert not billing.holds("10.20.7.5")
    assert (billing.account, billing.queue) == ("billing", "secure")
    assert office.holds("10.20.8.200")
    assert (office.name_from, office.strip_domain, office.queue) == (NameFrom.CLASS, True, "open")
    assert (others.name_from, others.strip_domain) == (NameFrom.USER, False)
    assert (others.account, others.queue) == (None, None)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('addresses = ["10.21.0.0/16"]', "lies outside of [lpr] allow"),
        ('addresses = ["10.0.0.0/8"]', "lies outside of [lpr] allow"),
        ("addresses = []", "must not be empty"),
        ('addresses = ["10.20.0.1/16"]', "bits beyond its prefix length"),
        ('addresses = ["10.20.0.1"]\nqueue = "opne"', 'there is no queue named "opne"'),
        ('addresses = ["10.20.0.1"]\nqueue = "secure"', "LPR cannot sign in"),
        ('addresses = ["10.20.0.1"]\naccount = "x"\nstrip_domain = true', "no meaning with account"),
        ('addresses = ["10.20.0.1"]\nname_from = "host"', '"user", "class" or "banner"'),
        ('addresses = ["10.20.0.1"]\nuser = "x"', 'unknown key "user"'),
        ('addresses = ["10.20.0.1"]\naccount = ""', "must not be empty"),
        (
            'addresses = ["10.20.0.0/24"]\n[[lpr.networks]]\naddresses = ["10.20.0.9"]',
            "a table above names it already",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, table: str, words: str) -> None:
    said = mistakes(tmp_path, f"[[lpr.networks]]\n{table}\n")
    assert any(words in line for line in said), said
