"""Colours that can be read, in light and in dark, and states that do not rely on them."""

import re
from itertools import pairwise

import pytest

from spoold.doors.web import words
from spoold.doors.web.assets import ASSETS
from spoold.model.jobstate import JobEvent, JobState

_SHEET = ASSETS["portal.css"].content.decode()
_LIGHT, _, _DARK = _SHEET.partition("@media (prefers-color-scheme: dark)")
_SCHEMES = {"light": _LIGHT, "dark": _DARK}

TEXT_ON = [
    ("ink", "page"),
    ("ink", "card"),
    ("soft", "page"),
    ("soft", "card"),
    ("brand", "page"),
    ("brand", "card"),
    ("brand-ink", "brand"),
    ("brand-ink", "brand-hover"),
    ("card", "alert"),
    ("good", "card"),
    ("alert", "card"),
    *((tone, f"{tone}-tint") for tone in ("ready", "busy", "alert", "good", "over")),
]


def colours(scheme: str) -> dict[str, str]:
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", _SCHEMES[scheme]))
    assert len(found) >= 18
    return found


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), TEXT_ON)
def test_text_stands_out(scheme: str, front: str, back: str) -> None:
    found = colours(scheme)
    light, dark = sorted((luminance(found[front]), luminance(found[back])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5, "WCAG 2.2, 1.4.3"


def test_every_state_and_event_has_words() -> None:
    assert set(words.STATE_WORDS) == set(JobState)
    assert len(set(words.STATE_WORDS.values())) == len(JobState), "told apart without colours"
    for event in JobEvent:
        assert event.value in words.EVENT_WORDS
    assert words.event_words("something-new") == "Something new"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (14_399, "3 h 59 min"),
        (86_400, "1 d"),
        (93_600, "1 d 2 h"),
    ],
)
def test_time_left(seconds: int, text: str) -> None:
    assert words.time_left(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, "pages not known"), (1, "1 page"), (1_200, "1,200 pages")]
)
def test_pages(count: int | None, text: str) -> None:
    assert words.pages(count) == text


def test_addresses_of_files_follow_their_content() -> None:
    paths = [asset.path for asset in ASSETS.values()]
    assert all(re.fullmatch(r"/static/[a-z]+\.[0-9a-f]{12}\.(css|js|svg)", path) for path in paths)
    assert all(one != other for one, other in pairwise(sorted(paths)))
