"""Twenty thousand guessed job numbers and ids: whoever guesses learns nothing, not even which there are."""

import itertools
import json
import statistics
import uuid
from collections.abc import Callable, Iterator

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.values import integer, name_
from tests.authorisation.spooler import Answer, Kind, Spooler, Target, Who

pytestmark = pytest.mark.alone

NUMBERS = {Who.OTHER: 6_000, Who.ANONYMOUS: 4_000}
IDS = {"GET": 9_000, "POST": 1_000}
JOBS = 20
# One class of time: what a guesser could tell over a network is far more than this. Compared is the daemon's
# processor time: how long an answer took on a busy machine says more of the others who are at work there.
SAME_CLASS_OF_TIME = 3.0
PAIRS_EACH = 10


@pytest.fixture(name="targets")
def _targets(spooler: Spooler) -> Iterator[list[Target]]:
    """Jobs of alice's of both kinds, among the numbers that are going to be guessed."""
    made = [spooler.job(kind) for _ in range(JOBS // 2) for kind in Kind]
    yield made
    for target in made:
        spooler.clear(target)


def guess(answer: Callable[[str], Answer], guesses: list[str]) -> list[Answer]:
    """Try all guesses; returns the different answers."""
    different: dict[tuple[int, int, bytes], Answer] = {}
    for one in guesses:
        found = answer(one)
        different[found.status, found.ipp_status, found.body] = found
    return list(different.values())


def ratio_of_costs(
    spooler: Spooler, answer: Callable[[str], Answer], guesses: list[str], real: set[str]
) -> float:
    """Return how much more, or less, the daemon works for real ones: each in turn with one of the others."""
    costs: dict[bool, list[float]] = {True: [], False: []}
    others = itertools.cycle(one for one in guesses if one not in real)
    for one in sorted(real) * PAIRS_EACH:
        for asked in (one, next(others)):
            before_s = spooler.daemon.processor_s
            answer(asked)
            costs[asked in real].append(spooler.daemon.processor_s - before_s)
    ratio = statistics.median(costs[True]) / statistics.median(costs[False])
    return max(ratio, 1 / ratio)


@pytest.mark.parametrize("who", NUMBERS)
def test_job_numbers(spooler: Spooler, targets: list[Target], who: Who) -> None:
    """Counted up past the last one: somebody else's jobs answer as numbers that were never given."""
    real = {str(target.job.number) for target in targets}
    first = max(1, targets[0].job.number - NUMBERS[who] // 2)
    guesses = [str(number) for number in range(first, first + NUMBERS[who])]
    assert real < set(guesses)
    connection = spooler.connect("ipp", "127.0.0.1")

    def ask(number: str) -> Answer:
        return spooler.ipp(
            who, Operation.GET_JOB_ATTRIBUTES, integer("job-id", int(number)), connection=connection
        )

    different = guess(ask, guesses)
    ratio = ratio_of_costs(spooler, ask, guesses, real)
    connection.close()
    assert len(different) == 1
    assert (different[0].status, different[0].ipp_status) == (
        (200, 0x0406) if who is Who.OTHER else (401, -1)
    )
    assert not any(different[0].holds(target.title) or different[0].holds(target.id) for target in targets)
    assert ratio < SAME_CLASS_OF_TIME


@pytest.mark.parametrize("method", IDS)
def test_ids_over_the_api(spooler: Spooler, targets: list[Target], method: str) -> None:
    """Random ids, ids close to real ones, and real ones of somebody else's: one body for all."""
    real = {target.id for target in targets}
    near = [str(uuid.UUID(int=target.job.id.int ^ (1 << bit))) for target in targets for bit in range(100)]
    guesses = [*near[: IDS[method] // 4]]
    guesses += [str(uuid.uuid4()) for _ in range(IDS[method] - len(guesses) - len(real))]
    # Spread over the others: what else the machine does must not look like a difference.
    step = len(guesses) // len(real)
    for position, one in enumerate(sorted(real)):
        guesses.insert(position * step, one)
    # A password would be verified anew for each release, a quarter of a second: here a session is the proof.
    spooler.sign_in(Who.OTHER)
    token = spooler.sessions[Who.OTHER][0].partition("=")[2]
    connection = spooler.connect("web", "127.0.0.1")
    headers = {"Authorization": f"Bearer {token}"}

    def ask(job_id: str) -> Answer:
        path = f"/api/v1/jobs/{job_id}" + ("/release" if method == "POST" else "")
        return spooler.web(Who.OTHER, method, path, headers=headers, connection=connection)

    with spooler.watched() as changes:
        different = guess(ask, guesses)
        ratio = ratio_of_costs(spooler, ask, guesses, real)
    connection.close()
    assert changes.none
    assert len(different) == 1
    assert different[0].status == 404
    assert json.loads(different[0].body)["kind"] == "not-found"
    assert ratio < SAME_CLASS_OF_TIME


def test_operations_about_a_queue_do_not_tell_which_jobs_there_are(
    spooler: Spooler, targets: list[Target]
) -> None:
    """A job's number in a request that is not about a job is not looked up."""
    real, free = targets[0].job.number, 2_000_000_000
    claim = name_("requesting-user-name", "alice")
    for operation in (Operation.VALIDATE_JOB, Operation.GET_JOBS, Operation.GET_PRINTER_ATTRIBUTES):
        answers = [
            spooler.ipp(Who.ANONYMOUS, operation, claim, integer("job-id", number), queue="open")
            for number in (real, free)
        ]
        assert [answer.ipp_status for answer in answers] == [0, 0]


def test_a_job_is_found_in_its_own_queue_only(spooler: Spooler, targets: list[Target]) -> None:
    """The owner, too, asks the queue that the job was sent to."""
    owned = next(target for target in targets if target.job.queue == "secure")
    number = integer("job-id", owned.job.number)
    assert spooler.ipp(Who.OWNER, Operation.GET_JOB_ATTRIBUTES, number, queue="open").ipp_status == 0x0406
    assert spooler.ipp(Who.OWNER, Operation.GET_JOB_ATTRIBUTES, number, queue="secure").ipp_status == 0
