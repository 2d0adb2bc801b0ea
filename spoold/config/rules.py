"""The site's rules in the file, and what they name: groups, networks, schedules and holidays."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from spoold.config.print_values import Side
from spoold.config.section import Section
from spoold.config.values import Duration, Message, Name, Network

# Directories know longer names than people type; control characters are never part of one.
Group = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
Groups = Annotated[tuple[Group, ...], Field(min_length=1)]
NamedNetwork = Annotated[tuple[Network, ...], Field(min_length=1)]
# Periods of a schedule, days of a calendar.
Entries = tuple[str, ...]


# Longer words are no line any more; which can be stamped, `policy.watermark` says.
Watermark = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


class SetAttributes(Section):
    """Job Template attributes that a rule sets, replacing what the client asked (RFC 8011 5.2)."""

    sides: Side | None = None
    """One or both sides of the sheet."""
    print_color_mode: Annotated[
        Literal["auto", "auto-monochrome", "bi-level", "color", "monochrome"] | None,
        Field(alias="print-color-mode"),
    ] = None
    """Colour or not."""
    copies: Annotated[StrictInt, Field(ge=1, le=999)] | None = None
    """Number of copies."""
    copies_limit: Annotated[StrictInt, Field(ge=1, le=999)] | None = None
    """The most copies; who asked for fewer gets fewer."""


class Rule(Section):
    """One rule of the site's policy, asked when a job is accepted and again when it is released."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
    """What the rule is called in refusals and records."""
    when: str
    """A condition in CEL over the facts of user, job, document, queue, printer, client and time."""
    stage: Literal["accept", "release"] | None = None
    """Asked only when a job is accepted, or only when it is released; at both when absent."""
    queues: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """Only for jobs of these queues; for all when absent."""
    allow: StrictBool = False
    """true: no rule after this one is asked."""
    deny: Message | None = None
    """Refuse the job and say this."""
    hold: Message | None = None
    """Hold the job until it is approved, and say this."""
    approvers: Groups | None = None
    """Who may approve it: groups, and people as "user:NAME"; operators and administrators when absent."""
    set_attributes: Annotated[SetAttributes | None, Field(alias="set")] = None
    """Change how it is printed."""
    redirect: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """Print it at the first of these printers that is ready and fits, instead of the one chosen."""
    prefer: Literal["cheapest"] | None = None
    """"cheapest": of these printers the one with the least cost; the first when absent."""
    mask: StrictBool = False
    """true: the printer is not told the document's name, whatever the queue says."""
    watermark: Watermark | None = None
    """Words on every page; {user}, {date}, {time}, {printer} and {job} are filled in at the release."""
    archive: StrictBool = False
    """true: a copy is kept once it was printed, as [archive] says."""
    expires_after: Duration | None = None
    """Shorten how long the job is held, counted from when it came in."""
