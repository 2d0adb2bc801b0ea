"""Obligation: what a rule asks of a later stage, kept with the job until that stage has done it."""

import enum
from collections.abc import Collection

from spoold.model.errors import RefusedByPolicy
from spoold.model.ids import JobId


class Obligation(enum.StrEnum):
    """What can be asked for."""

    # The printer is not told the document's name.
    MASK = "mask"
    # Who printed it, when and where stands on every page.
    WATERMARK = "watermark"
    # A copy is kept.
    ARCHIVE = "archive"


# What some stage of this spooler does. A job that is asked for anything else is not released.
HONOURED: frozenset[str] = frozenset({Obligation.MASK, Obligation.WATERMARK, Obligation.ARCHIVE})


def check_met(asked: Collection[str], job_id: JobId, *, archives: bool) -> None:
    """Refuse a release that would not do what rules asked for.

    Args:
        archives: whether the site has an archive to keep copies in.

    Raises:
        RefusedByPolicy: nothing here does one of them.
    """
    done = HONOURED if archives else HONOURED - {Obligation.ARCHIVE}
    unmet = sorted(set(asked) - done)
    if unmet:
        raise RefusedByPolicy(
            "The rules of this site ask for something that this spooler cannot do with your job, "
            "so it is not printed. Please tell the administrator.",
            job=str(job_id),
            unmet=unmet,
        )
