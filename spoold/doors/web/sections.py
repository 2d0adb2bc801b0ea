"""The sections of "My account": what a person can look after alone, each a page of its own.

One entry for each area; the page `/me` lists those that this portal offers.
"""

from collections.abc import Callable
from dataclasses import dataclass

from spoold.doors.web.language import marked
from spoold.doors.web.portal import Portal


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of "My account".

    Args:
        path: of the section's page, "/me/..." by custom.
        title: what the section is called.
        words: one sentence: what one can do there.
        offered: whether this portal has it, by its parts and its configuration.
    """

    path: str
    title: str
    words: str
    offered: Callable[[Portal], bool] = lambda _portal: True


SECTIONS: tuple[Section, ...] = (
    Section(
        "/me/second-factor",
        marked("Second factor"),
        marked("A code from your phone, or a passkey, besides your password."),
        offered=lambda portal: portal.factors is not None,
    ),
    Section(
        "/me/print-uris",
        marked("Personal print addresses"),
        marked("For computers and phones that cannot sign in to print."),
        offered=lambda portal: portal.print_uris is not None,
    ),
    Section(
        "/me/tokens",
        marked("API tokens"),
        marked("What programs show instead of your password."),
        offered=lambda portal: portal.tokens is not None,
    ),
    Section(
        "/me/badges",
        marked("Badges and PIN"),
        marked("What signs you in at a release station beside a printer."),
        offered=lambda portal: portal.stations is not None and portal.site().badges is not None,
    ),
    Section(
        "/me/delegation",
        marked("Others who release for me"),
        marked("Name somebody who may release one of your jobs, or all of them until a day."),
        offered=lambda portal: portal.decisions is not None,
    ),
)


def sections_of(portal: Portal) -> list[Section]:
    """Return the sections that this portal offers, in the order they are listed."""
    return [section for section in SECTIONS if section.offered(portal)]
