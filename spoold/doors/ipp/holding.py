"""What clients may ask about holding and releasing a job, and what a queue says of that (PWG 5100.11)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from protocols.ipp.keywords import JobHoldUntil
from protocols.ipp.message import Attribute, Group
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import (
    DateTime,
    Range,
    boolean,
    clip,
    date_time,
    integer,
    keyword,
    name_,
    no_value,
    range_,
    text_of,
    unsupported,
)
from spoold.identity.pins import MAX_PIN_OCTETS, METHODS, MIN_PIN_OCTETS, Pin
from spoold.model.holding import (
    BY_NOBODY,
    BY_OWNER,
    BY_PIN,
    HOLD_UNTIL,
    HOLD_UNTIL_TIME,
    RELEASE_ACTION,
    next_time,
)
from spoold.model.queue import Queue, Release

MAX_NAME_OCTETS = 255
# They say who pays: shown to the job's owner, and to nobody else.
ACCOUNTS = frozenset({"job-account-id", "job-accounting-user-id"})
# Between the client and us, and only known so that a client which asks for them hears of no failure.
DROPPED = frozenset({"job-priority", "job-sheets"})
# Read by `wishes_of`, wherever they stand.
READ_ELSEWHERE = frozenset({HOLD_UNTIL, HOLD_UNTIL_TIME, *ACCOUNTS})
_REPERTOIRES = ("iana_us-ascii_digits", "iana_us-ascii_letters", "iana_us-ascii_complex", "iana_us-ascii_any")
_NAMES = frozenset({ValueTag.NAME_WITHOUT_LANGUAGE, ValueTag.NAME_WITH_LANGUAGE})


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client asked about holding, as far as it can be granted.

    Args:
        pin: the job's PIN.
        waits: the job is to be held, whatever the queue does with others.
        template: what is kept of it for clients to read back; nothing of it is for printers.
        refused: what cannot be granted, for the unsupported group.
        why: what cannot be ignored either, in words: the job is refused.
    """

    pin: Pin | None = None
    waits: bool = False
    template: tuple[Attribute, ...] = ()
    refused: tuple[Attribute, ...] = ()
    why: str = ""


def held_job_attributes(queue: Queue) -> tuple[Attribute, ...]:
    """Return the Printer attributes about holding and releasing that a queue has."""
    by_owner = queue.release is Release.BY_OWNER
    actions = (BY_OWNER,) if by_owner else (BY_NOBODY, BY_OWNER)
    common = (
        keyword("job-hold-until-default", JobHoldUntil.INDEFINITE if by_owner else JobHoldUntil.NO_HOLD),
        keyword("job-hold-until-supported", *JobHoldUntil),
        range_("job-hold-until-time-supported", Range(0, int(queue.expires_after.total_seconds()))),
        keyword("job-release-action-default", actions[0]),
        keyword("job-release-action-supported", *actions, *((BY_PIN,) if queue.pins else ())),
        no_value("job-account-id-default"),
        boolean("job-account-id-supported", True),
        no_value("job-accounting-user-id-default"),
        boolean("job-accounting-user-id-supported", True),
    )
    if not queue.pins:
        return common
    return (
        *common,
        integer("job-password-supported", MAX_PIN_OCTETS),
        keyword("job-password-encryption-supported", *METHODS),
        range_("job-password-length-supported", Range(MIN_PIN_OCTETS, MAX_PIN_OCTETS)),
        keyword("job-password-repertoire-configured", _REPERTOIRES[-1]),
        keyword("job-password-repertoire-supported", *_REPERTOIRES),
    )


def wishes_of(
    operation: Group, template: Group, queue: Queue, *, is_private: bool, now: datetime, zone: tzinfo
) -> Wishes:
    """Read what a request for a job asks about holding it.

    Args:
        operation, template: the request's groups; some of these attributes may stand in either.
        is_private: nobody between the client and us can read along.
        zone: the site's time zone.
    """
    pin, why = _pin(operation, queue, is_private=is_private)
    if why:
        return Wishes(refused=(unsupported("job-password"),), why=why)
    hold = _until(operation, template, queue, now, zone)
    if hold.why:
        return hold
    action = operation.string("job-release-action")
    refused = list(hold.refused)
    if action == BY_PIN and pin is None:
        words = "The job is to be released by a PIN, but has none."
        return Wishes(refused=(keyword(RELEASE_ACTION, BY_PIN),), why=words)
    if action is not None and action not in _actions(queue):
        refused.append(keyword(RELEASE_ACTION, action))
        action = None
    kept = [*hold.template, *_accounts(template)]
    if pin is not None:
        kept.append(keyword(RELEASE_ACTION, BY_PIN))
    elif action == BY_OWNER and queue.release is Release.ON_ARRIVAL:
        kept.append(keyword(RELEASE_ACTION, BY_OWNER))
    return Wishes(
        pin=pin,
        waits=hold.waits or pin is not None or action == BY_OWNER,
        template=tuple(kept),
        refused=tuple(refused),
    )


def _actions(queue: Queue) -> tuple[str, ...]:
    return (BY_OWNER, BY_PIN) if queue.release is Release.BY_OWNER else (BY_NOBODY, BY_OWNER, BY_PIN)


def pin_of(operation: Group) -> Pin | None:
    """Return the PIN in a request; None when there is none, or an empty one, which stands for none."""
    attribute = operation.get("job-password")
    octets = None if attribute is None else attribute.first
    if not isinstance(octets, bytes) or not octets:
        return None
    return Pin(octets, operation.string("job-password-encryption") or METHODS[0])


def _pin(operation: Group, queue: Queue, *, is_private: bool) -> tuple[Pin | None, str]:
    pin = pin_of(operation)
    if pin is None:
        return None, ""
    if not queue.pins:
        return None, "PINs are not used on this printer. Print without one and sign in to release the job."
    if not is_private:
        # Hashed ones as well: four digits are found from their hash in no time, and the hash itself releases.
        return None, "A PIN is only taken over ipps://; change the printer's address."
    return pin, pin.trouble()


def _until(operation: Group, template: Group, queue: Queue, now: datetime, zone: tzinfo) -> Wishes:
    """Read "job-hold-until" and "job-hold-until-time"; a job that waits for its owner waits anyway."""
    word = operation.get("job-hold-until") or template.get("job-hold-until")
    at = operation.get("job-hold-until-time") or template.get("job-hold-until-time")
    if at is not None:
        moment = at.first.to_datetime() if isinstance(at.first, DateTime) else None
        if moment is None:
            return Wishes(refused=(at,), why="The time until which the job is to be held is not one.")
        return _at(moment, (date_time(HOLD_UNTIL_TIME, moment),), queue, now, at)
    if word is None:
        return Wishes()
    asked = text_of(word.values[0]) or ""
    if asked not in tuple(JobHoldUntil):
        # Not to know until when is no reason to print at once.
        return Wishes(waits=True, template=(keyword(HOLD_UNTIL, JobHoldUntil.INDEFINITE),), refused=(word,))
    kept = keyword(HOLD_UNTIL, asked)
    if asked == JobHoldUntil.NO_HOLD:
        return Wishes(template=(kept,))
    moment = next_time(asked, now, zone)
    if moment is None:
        return Wishes(waits=True, template=(kept,))
    return _at(moment, (kept, date_time(HOLD_UNTIL_TIME, moment)), queue, now, word)


def _at(
    moment: datetime, kept: tuple[Attribute, ...], queue: Queue, now: datetime, asked: Attribute
) -> Wishes:
    if queue.release is Release.ON_ARRIVAL and moment > now + queue.expires_after:
        hours = queue.expires_after.total_seconds() / 3600
        return Wishes(
            refused=(asked,), why=f"Jobs are kept for {hours:g} hours here; choose an earlier time."
        )
    return Wishes(template=kept)


def _accounts(group: Group) -> Iterable[Attribute]:
    for name in sorted(ACCOUNTS):
        attribute = group.get(name)
        if attribute is not None and attribute.values[0].tag in _NAMES:
            yield name_(name, clip(text_of(attribute.values[0]) or "", MAX_NAME_OCTETS))
