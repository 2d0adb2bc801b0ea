"""The [badges] and [stations] tables: what reaches the site, and mistakes in them."""

from pathlib import Path

import pytest

from spoold.app.site import build_site
from spoold.config.loader import load
from spoold.config.problems import ConfigurationErrors
from spoold.model.badge import Alphabet, Check
from spoold.model.station import SignInBy
from spoold.runtime.limits import DaemonLimits

FILE = """
[server]
name = "print.example.org"
[store]
key = "credential:store-key"
[printers.lobby]
uri = "ipps://192.0.2.21/ipp/print"
[queues.secure]
printers = ["lobby"]
badges = false
"""
BADGES = "[badges]\nlengths = [10]\n"
STATION = '[stations.lobby]\nprinter = "lobby"\nnetworks = ["10.20.30.40/32"]\n'


def written(tmp_path: Path, more: str) -> Path:
    path = tmp_path / "spoold.toml"
    path.write_text(FILE + more)
    return path


def mistakes(tmp_path: Path, more: str) -> list[str]:
    with pytest.raises(ConfigurationErrors) as caught:
        load(written(tmp_path, more))
    return str(caught.value).splitlines()


def test_badges_and_stations_reach_the_site(tmp_path: Path) -> None:
    more = (
        '[badges]\nlengths = [12]\nalphabet = "hex-upper"\ncheck = "xor"\npin_digits = 8\n'
        '[stations.lobby]\nprinter = "lobby"\nnetworks = ["10.20.30.0/24", "2001:db8::/64"]\n'
        'sign_in = ["password"]\nrelease = "all"\nshow_names = true\nlink_badges = false\nsession = "30s"\n'
    )
    site = build_site(load(written(tmp_path, more)), DaemonLimits())
    assert site.badges is not None
    assert site.badges.format.lengths == {12}
    assert (site.badges.format.alphabet, site.badges.format.check) == (Alphabet.HEX_UPPER, Check.XOR)
    assert site.badges.pin_digits == 8
    station = site.stations["lobby"]
    assert station.printer == "lobby"
    assert station.sign_in == (SignInBy.PASSWORD,)
    assert (station.releases_all, station.shows_names, station.links_badges) == (True, True, False)
    assert station.visit_s == 30.0
    assert station.is_at("10.20.30.7")
    assert station.is_at("::ffff:10.20.30.7")
    assert station.is_at("2001:db8::1%eth0")
    assert not station.is_at("10.20.31.7")
    assert not station.is_at("local")
    assert not site.queues["secure"].badges


def test_a_station_offers_badges_where_there_are_any(tmp_path: Path) -> None:
    plain = build_site(load(written(tmp_path, STATION)), DaemonLimits())
    assert plain.badges is None
    assert plain.stations["lobby"].sign_in == (SignInBy.PASSWORD,)
    both = build_site(load(written(tmp_path, BADGES + STATION)), DaemonLimits())
    assert both.stations["lobby"].sign_in == (SignInBy.BADGE, SignInBy.PASSWORD)
    assert both.stations["lobby"].visit_s == 60.0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (STATION.replace('"lobby"\n', '"loby"\n'), 'there is no printer named "loby"'),
        (STATION + 'sign_in = ["badge+pin"]\n', "needs a [badges] table"),
        (STATION + 'session = "3m"\n', "must be at most 2m"),
        (STATION.replace("10.20.30.40/32", "0.0.0.0/0"), "names every address"),
        (STATION.replace('["10.20.30.40/32"]', "[]"), "must not be empty"),
        ("[badges]\nlengths = [8, 16]\n", "two badges read as one would have 16"),
        ("[badges]\nlengths = [3]\n", "must be at least 4"),
        ("[badges]\nlengths = [10]\npin_digits = 4\n", "must be at least 6"),
        ('[badges]\nlengths = [10]\ncheck = "xor"\n', "about hex digits"),
        ('[badges]\nlengths = [10]\nalphabet = "hex"\n', "hex-upper"),
    ],
)
def test_mistakes_are_named_at_their_place(tmp_path: Path, more: str, words: str) -> None:
    assert any(words in line for line in mistakes(tmp_path, more))
