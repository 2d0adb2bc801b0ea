"""What cells of the matrix wait for and look at when a call was allowed."""

import time

from protocols.ipp.tags import GroupTag
from spoold.model.jobstate import FINAL
from spoold.model.principal import Principal
from tests.authorisation.spooler import Answer, Changes, Spooler, Target

PRINTED_WITHIN_S = 30.0


def wait_until_over(spooler: Spooler, target: Target) -> None:
    """Wait for a released job to leave the printer's hands."""
    deadline = time.monotonic() + PRINTED_WITHIN_S
    while spooler.state(target) not in FINAL:
        assert time.monotonic() < deadline, spooler.daemon.log[-3000:]
        time.sleep(0.02)


def check_made_job(spooler: Spooler, answer: Answer, changes: Changes, person: Principal | None) -> None:
    """A job belongs to whoever was proven; to the claimed name only when nobody was."""
    assert answer.message is not None
    number = answer.message.group(GroupTag.JOB).integer("job-id")
    assert number is not None
    made = Target(spooler.row(number), "")
    assert changes.jobs == {made.id}
    assert made.job.owner_id == (None if person is None else person.id)
    assert made.job.claimed_name == ("alice" if person is None else person.name)
    spooler.clear(made)
