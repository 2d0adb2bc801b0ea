"""What the screen of a release station is at, and what it and agents beside printers are told."""

import enum
from dataclasses import dataclass, field

from spoold.identity.secret import Secret
from spoold.model.principal import Principal
from spoold.release.views import JobView


class Step(enum.StrEnum):
    """What the screen of a station asks for or shows."""

    WELCOME = "welcome"
    PIN = "pin"
    PASSWORD = "password"  # noqa: S105 - the name of a step, not a secret
    AGAIN = "again"
    NEW_PIN = "new-pin"
    JOBS = "jobs"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a release at a station.

    Args:
        went: numbers of the jobs on their way.
        refused: numbers of the others, with the reason of each.
    """

    went: tuple[int, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """What the screen of one station is at.

    Args:
        turn: stands in every form; an answer to another turn is nobody's. Empty while nobody is there.
        until_s: when it is over by itself (monotonic).
        since_s: when the person was proven.
        number: the badge that was read and not proven yet; never shown.
        linking: the badge is to be linked once its holder has signed in.
        error: what went wrong with the last answer.
    """

    step: Step = Step.WELCOME
    turn: str = ""
    until_s: float = float("inf")
    since_s: float = 0.0
    number: Secret | None = field(default=None, repr=False)
    linking: bool = False
    principal: Principal | None = field(default=None, repr=False)
    outcome: Outcome = Outcome()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody's held jobs, seen from one printer.

    Args:
        here: those that this person may have out there.
        elsewhere: how many others there are for other printers.
        places: those printers.
        nowhere: how many there are that this person may not have out at any printer.
        usable: whether this person may use the printer at all.
    """

    here: tuple[JobView, ...]
    elsewhere: int
    places: tuple[str, ...]
    nowhere: int = 0
    usable: bool = True


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """What an agent beside a printer may show.

    Args:
        outcome: "needs-pin", "choose", "released" or "refused".
        jobs: how many wait for this printer; None while only a badge was shown.
    """

    outcome: str
    message: str
    jobs: int | None = None
    released: int = 0
