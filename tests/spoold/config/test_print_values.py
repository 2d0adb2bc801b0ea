"""What a queue says it can do in place of its printers."""

from pathlib import Path

import pytest

from protocols.ipp.values import Resolution
from spoold.config.loader import load
from spoold.config.model import Config
from spoold.config.print_values import COST_WORDS, MAX_COST
from spoold.model.errors import ConfigurationError
from spoold.model.queue import CapabilityOverrides

SITE = """
[server]
name = "print.example.org"
[store]
key = "credential:store-key"
[printers.lobby]
uri = "folder:/srv/paper"
[queues.secure]
printers = ["lobby"]
[queues.secure.capabilities]
{line}
"""


def config(tmp_path: Path, line: str) -> Config:
    path = tmp_path / "spoold.toml"
    path.write_text(SITE.format(line=line))
    return load(path)


def test_nothing_is_overridden_unless_it_is_said(tmp_path: Path) -> None:
    assert config(tmp_path, "").queue("secure").capabilities == CapabilityOverrides()


def test_what_is_said_is_in_the_queue(tmp_path: Path) -> None:
    lines = """
sides = ["one-sided"]
color = false
media = ["iso_a4_210x297mm", "na_letter_8.5x11in"]
media_ready = ["na_letter_8.5x11in"]
finishings = ["none", "staple-top-left"]
resolutions = ["300dpi", "1200x600dpi"]
"""
    queue = config(tmp_path, lines).queue("secure")
    assert queue.capabilities == CapabilityOverrides(
        sides=("one-sided",),
        color=False,
        media=("iso_a4_210x297mm", "na_letter_8.5x11in"),
        media_ready=("na_letter_8.5x11in",),
        finishings=(3, 20),
        resolutions=(Resolution(300, 300), Resolution(1200, 600)),
    )
    assert hash(queue)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('media = ["a4"]', "full name"),
        ('media = ["custom_min_3x5in"]', "full name"),
        ("media = [4]", "full name"),
        ("media = []", "must not be empty"),
        ('finishings = ["stapel"]', "staple"),
        ("finishings = [4]", "must be a finishing"),
        ('resolutions = ["fine"]', "600dpi"),
        ("resolutions = [600]", "600dpi"),
        ('sides = ["both"]', "two-sided-long-edge"),
        ('color = "yes"', "true or false"),
        ("trays = 2", "trays"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        config(tmp_path, line)
    assert words in str(caught.value)


def test_a_configuration_may_be_checked_again(tmp_path: Path) -> None:
    once = config(tmp_path, 'finishings = ["none"]\nresolutions = ["600dpi"]')
    assert Config.model_validate(once.model_dump(by_alias=True, mode="json", exclude_none=True)) == once


@pytest.mark.parametrize(
    ("written", "thousandths"),
    [("0.05", 50), ("0.008", 8), ("1", 1_000), ("0", 0), ("0.29", 290), (str(MAX_COST), 1_000_000)],
)
def test_what_a_page_costs_is_kept_whole(written: str, thousandths: int, tmp_path: Path) -> None:
    path = tmp_path / "spoold.toml"
    path.write_text(SITE.format(line="").replace("[queues.secure]", f"cost = {written}\n[queues.secure]", 1))
    found = load(path)
    assert found.printers["lobby"].cost == thousandths
    assert found.model_dump(mode="json")["printers"]["lobby"]["cost"] == thousandths / 1_000


@pytest.mark.parametrize("written", ["-0.05", "0.0085", "1000.001", "true", '"0.05"', "nan", "inf", "1e-9"])
def test_what_is_no_cost_is_refused_where_it_stands(written: str, tmp_path: Path) -> None:
    path = tmp_path / "spoold.toml"
    path.write_text(SITE.format(line="").replace("[queues.secure]", f"cost = {written}\n[queues.secure]", 1))
    with pytest.raises(ConfigurationError, match=rf"spoold\.toml:8:\d+: .*{COST_WORDS[:20]}"):
        load(path)
