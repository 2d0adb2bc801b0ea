"""Holding, PINs and accounts as clients ask for them: what is kept, what is refused before the document."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from protocols.ipp.message import Attribute, Group
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import boolean, date_time, integer, keyword, name_, octets
from spoold.doors.ipp.holding import Wishes, held_job_attributes, wishes_of
from spoold.keys.words import PIN
from spoold.model.holding import awaits_pin, held_until
from spoold.model.jobstate import JobState
from spoold.model.queue import Queue, Release
from spoold.model.template import template_of
from spoold.release.template import outward
from tests.support.ipp_door import TEXT, IppHouse
from tests.support.release_house import queue

NOW = datetime(2026, 7, 1, 10, tzinfo=UTC)
VALUES = 0x040B
CREATIONS = (Operation.VALIDATE_JOB, Operation.CREATE_JOB, Operation.PRINT_JOB)
HOLDING = replace(queue("secure", "lobby"), pins=True)
DIRECT = replace(queue("direct", "lobby", release=Release.ON_ARRIVAL), pins=True)
SECRET = b"4711-canary"


def wishes(
    *operation: Attribute, of: Queue = HOLDING, private: bool = True, asked: Attribute | None = None
) -> Wishes:
    """What is read of these operation attributes, and of one in the job group."""
    return wishes_of(
        Group(GroupTag.OPERATION, operation),
        Group(GroupTag.JOB, () if asked is None else (asked,)),
        of,
        is_private=private,
        now=NOW,
        zone=UTC,
    )


def with_pin(pin: bytes = SECRET, method: str = "none") -> tuple[Attribute, ...]:
    return octets("job-password", pin), keyword("job-password-encryption", method)


# -- what a queue says


def test_a_queue_without_pins_says_nothing_of_them() -> None:
    said = {attribute.name for attribute in held_job_attributes(replace(HOLDING, pins=False))}
    assert not [name for name in said if "password" in name]


def test_a_queue_with_pins_says_what_chromeos_and_cups_look_for() -> None:
    said = {attribute.name: attribute for attribute in held_job_attributes(HOLDING)}
    methods = said["job-password-encryption-supported"].strings()
    assert methods[0] == "none"
    assert "sha2-256" in methods
    assert "sha-256" not in methods, "CUPS would choose it and drop the PIN"
    assert isinstance(said["job-password-supported"].first, int)
    assert said["job-password-supported"].first >= 4
    assert "job-password" in said["job-release-action-supported"].strings()


def test_what_a_queue_does_by_itself_is_its_default() -> None:
    for one, until, action in ((HOLDING, "indefinite", "owner-authorized"), (DIRECT, "no-hold", "none")):
        said = {attribute.name: attribute for attribute in held_job_attributes(one)}
        assert said["job-hold-until-default"].first == until
        assert said["job-release-action-default"].first == action


# -- holding


@pytest.mark.parametrize(
    ("word", "waits", "until"),
    [
        ("no-hold", False, None),
        ("indefinite", True, None),
        ("day-time", False, NOW),
        ("third-shift", False, NOW.replace(hour=0) + timedelta(days=1)),
    ],
)
def test_named_times_on_a_queue_that_prints_on_arrival(
    word: str, waits: bool, until: datetime | None
) -> None:
    patient = replace(DIRECT, expires_after=timedelta(days=1))
    found = wishes(of=patient, asked=keyword("job-hold-until", word))
    assert (found.waits, found.why, found.refused) == (waits, "", ())
    assert held_until(found.template) == until


def test_a_time_beyond_the_queue_s_own_is_refused_rather_than_printed_early() -> None:
    late = date_time("job-hold-until-time", NOW + timedelta(hours=5))
    assert "4 hours" in wishes(of=DIRECT, asked=late).why
    assert wishes(of=HOLDING, asked=late).why == "", "its owner asks for it anyway"


def test_a_time_is_kept_and_may_stand_in_either_group() -> None:
    at = date_time("job-hold-until-time", NOW + timedelta(hours=1))
    for found in (wishes(at, of=DIRECT), wishes(of=DIRECT, asked=at)):
        assert held_until(found.template) == NOW + timedelta(hours=1)
        assert not found.waits


def test_a_word_that_nobody_knows_holds_the_job() -> None:
    found = wishes(of=DIRECT, asked=name_("job-hold-until", "after lunch"))
    assert found.waits
    assert [one.name for one in found.refused] == ["job-hold-until"]


def test_what_is_no_time_is_refused() -> None:
    assert wishes(asked=integer("job-hold-until-time", 5)).why != ""


def test_an_owner_may_be_asked_for_on_a_queue_that_prints_on_arrival() -> None:
    assert wishes(keyword("job-release-action", "owner-authorized"), of=DIRECT).waits
    assert not wishes(keyword("job-release-action", "none"), of=DIRECT).waits
    found = wishes(keyword("job-release-action", "none"), of=HOLDING)
    assert [one.name for one in found.refused] == ["job-release-action"]
    assert wishes(keyword("job-release-action", "button-press"), of=DIRECT).refused != ()


# -- PINs


def test_a_pin_holds_the_job_wherever_it_goes() -> None:
    for one in (HOLDING, DIRECT):
        found = wishes(*with_pin(), of=one)
        assert found.waits
        assert found.pin is not None
        assert found.pin.octets == SECRET
        assert SECRET.decode() not in repr(found)


def test_an_empty_pin_is_none() -> None:
    assert wishes(*with_pin(b"")).pin is None
    assert wishes(keyword("job-password-encryption", "none")).pin is None


@pytest.mark.parametrize(
    ("pin", "method", "fits"),
    [
        (SECRET, "none", True),
        (b"123", "none", False),
        (hashlib.sha256(SECRET).digest(), "sha2-256", True),
        (SECRET, "sha2-256", False),
        (hashlib.sha256(SECRET).digest(), "sha-256", False),
        (hashlib.md5(SECRET, usedforsecurity=False).digest(), "md5", False),
    ],
)
def test_what_cannot_be_kept_is_refused_without_saying_it_again(pin: bytes, method: str, fits: bool) -> None:
    found = wishes(*with_pin(pin, method))
    assert (found.why == "") == fits
    assert not any(value.data == pin for one in found.refused for value in one.values)


def test_no_pin_is_taken_over_an_open_line() -> None:
    for pin in (with_pin(), with_pin(hashlib.sha256(SECRET).digest(), "sha2-256")):
        assert "ipps" in wishes(*pin, private=False).why


def test_a_release_by_pin_needs_one() -> None:
    assert "has none" in wishes(keyword("job-release-action", "job-password")).why
    assert wishes(keyword("job-release-action", "job-password"), *with_pin()).why == ""


# -- at the door


@pytest.mark.parametrize("operation", CREATIONS)
async def test_a_pin_that_is_not_taken_is_refused_before_the_document(
    door: IppHouse, operation: Operation
) -> None:
    for how in ({"queue": "secure", "user": "ana"}, {"tls": False}):
        reply = await door.ask(operation, *with_pin(), document=[TEXT], **how)
        assert reply.status == VALUES
        assert reply.unsupported.get("job-password") is not None
        assert reply.words != ""
        assert SECRET not in reply.response.body
    assert await door.jobs() == []


@pytest.mark.parametrize("operation", [Operation.PRINT_JOB, Operation.CREATE_JOB])
async def test_a_pin_is_kept_as_a_hash_in_sealed_words(door: IppHouse, operation: Operation) -> None:
    reply = await door.ask(operation, *with_pin(), document=[TEXT])
    assert reply.status == 0
    (job,) = await door.jobs()
    assert awaits_pin(job.template)
    assert outward(template_of(job)) == ()
    kept = door.house.words.open(job)[PIN]
    assert kept.startswith("sha2-256 $2b$")
    assert SECRET not in (job.template + (job.private or b""))
    shown = await door.ask(Operation.GET_JOB_ATTRIBUTES, job=job.number)
    assert shown.job.string("job-release-action") == "job-password"
    assert SECRET not in shown.response.body
    if operation is Operation.PRINT_JOB:
        assert job.state is JobState.HELD
        assert reply.job.integer("job-state") == 4
        reasons = reply.job.get("job-state-reasons")
        assert reasons is not None
        assert {"job-password-wait", "job-release-wait", "job-held-for-release"} <= set(reasons.strings())


async def test_what_must_be_honoured_refuses_the_job(door: IppHouse) -> None:
    wrong = keyword("sides", "three-sided")
    must = keyword("job-mandatory-attributes", "sides")
    reply = await door.ask(Operation.PRINT_JOB, must, template=[wrong], document=[TEXT])
    assert (reply.status, reply.unsupported.attributes) == (VALUES, (wrong,))
    other = keyword("job-mandatory-attributes", "copies")
    reply = await door.ask(Operation.PRINT_JOB, other, template=[wrong], document=[TEXT])
    assert reply.status == 1
    unknown = keyword("job-mandatory-attributes", "job-smell")
    reply = await door.ask(Operation.PRINT_JOB, unknown, document=[TEXT])
    assert reply.status == VALUES
    assert reply.unsupported.get("job-smell") is not None


async def test_fidelity_is_about_holding_as_well(door: IppHouse) -> None:
    asked = keyword("job-release-action", "button-press")
    reply = await door.ask(Operation.PRINT_JOB, asked, document=[TEXT])
    assert (reply.status, reply.unsupported.attributes) == (1, (asked,))
    strict = boolean("ipp-attribute-fidelity", True)
    reply = await door.ask(Operation.PRINT_JOB, strict, asked, document=[TEXT])
    assert (reply.status, reply.unsupported.attributes) == (VALUES, (asked,))


async def test_accounts_are_for_the_owner_to_read(door: IppHouse) -> None:
    asked = name_("job-account-id", "4711"), name_("job-accounting-user-id", "cost-centre-9")
    await door.ask(Operation.PRINT_JOB, template=asked, document=[TEXT], user="ana", peer="192.0.2.9")
    (job,) = await door.jobs()
    mine = await door.ask(Operation.GET_JOB_ATTRIBUTES, job=job.number, user="ana")
    assert (mine.job.string("job-account-id"), mine.job.string("job-accounting-user-id")) == (
        "4711",
        "cost-centre-9",
    )
    other = await door.ask(Operation.GET_JOB_ATTRIBUTES, job=job.number, peer="192.0.2.9")
    assert b"cost-centre-9" not in other.response.body


async def test_names_are_cut_to_what_a_name_may_have(door: IppHouse) -> None:
    await door.ask(Operation.PRINT_JOB, name_("job-name", "\u00fc" * 20_000), document=[TEXT])
    (job,) = await door.jobs()
    assert door.house.words.title(job) == "\u00fc" * 127


async def test_who_asked_for_a_hold_is_told_that_it_is_one(door: IppHouse) -> None:
    for asked, expected in (("indefinite", True), ("no-hold", False), ("third-shift", True)):
        reply = await door.ask(
            Operation.PRINT_JOB, template=[keyword("job-hold-until", asked)], document=[TEXT]
        )
        reasons = reply.job.get("job-state-reasons")
        assert reasons is not None
        assert ("job-hold-until-specified" in reasons.strings()) == expected
        listed = await door.ask(Operation.GET_JOB_ATTRIBUTES, job=(await door.jobs())[-1].number, user="ana")
        again = listed.job.get("job-state-reasons")
        assert again is not None
        assert set(again.strings()) == set(reasons.strings())


async def test_a_queue_that_tells_of_held_jobs_as_completed_does_so_everywhere(door: IppHouse) -> None:
    queues = {
        name: replace(one, shows_held_as_completed=True) for name, one in door.house.site.queues.items()
    }
    door.house.change_site(queues=queues)
    made = await door.ask(Operation.PRINT_JOB, *with_pin(), document=[TEXT])
    one = await door.ask(Operation.GET_JOB_ATTRIBUTES, job=1)
    lists = {
        which: await door.ask(
            Operation.GET_JOBS,
            keyword("which-jobs", which),
            keyword("requested-attributes", "job-state", "job-state-reasons"),
        )
        for which in ("completed", "all", "not-completed", "pending-held")
    }
    told = [made.job, one.job, lists["completed"].job, lists["all"].job]
    assert {(job.integer("job-state"), job.string("job-state-reasons")) for job in told} == {
        (9, "job-completed-successfully")
    }
    for which in ("not-completed", "pending-held"):
        assert lists[which].groups(GroupTag.JOB) == ()
    (view,) = await door.house.desk.jobs(door.house.person("ana"))
    assert view.job.state is JobState.HELD, "its owner is told the truth"
