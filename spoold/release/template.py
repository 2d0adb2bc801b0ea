"""A job's own Job Template attributes on their way to the printer."""

from collections.abc import Iterable, Mapping

from policy.decision import AttributeValue
from protocols.ipp.decoder import decode_group
from protocols.ipp.encoder import encode_group
from protocols.ipp.message import Group
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import Attribute, enum, integer, keyword
from protocols.limits import IppLimits
from spoold.model.job import Job

# Between the client and us; the first of these would make the printer wait although somebody wants paper now.
HOLDING = frozenset(
    {
        "job-hold-until",
        "job-hold-until-time",
        "job-delay-output-until",
        "job-delay-output-until-time",
        "job-delay-output-until-interval",
        "job-release-action",
        # What the client said of the document as it sent it.
        "document-format-supplied",
        "compression-supplied",
        # Who pays is for the records here.
        "job-account-id",
        "job-accounting-user-id",
    }
)
# Numbers that travel as `enum` (RFC 8011 5.2); every other number is an `integer`.
_ENUMS = frozenset({"print-quality", "orientation-requested", "finishings"})
# "finishings" value none (RFC 8011 5.2.6).
_NO_FINISHING = 3


def template_of(job: Job) -> tuple[Attribute, ...]:
    """Return the attributes that the client asked for and the policy set at acceptance.

    Raises:
        RemoteProtocolError: the stored group cannot be read.
    """
    return decode_group(job.template, IppLimits()).attributes if job.template else ()


def encoded(template: Iterable[Attribute]) -> bytes:
    """Return attributes as `Job.template` stores them."""
    return encode_group(Group(GroupTag.JOB, tuple(template)))


def with_settings(
    template: Iterable[Attribute], settings: Mapping[str, AttributeValue]
) -> tuple[Attribute, ...]:
    """Return the attributes with what the policy sets in place of what was asked for."""
    kept = [attribute for attribute in template if attribute.name not in settings]
    kept.extend(_attribute(name, value) for name, value in settings.items())
    return tuple(kept)


def outward(template: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """Return what the printer is told: everything but what would make it hold the job."""
    return tuple(attribute for attribute in template if attribute.name not in HOLDING)


def asks_for_finishing(template: Iterable[Attribute]) -> bool:
    """Tell whether the job is to be stapled, punched, folded or the like."""
    for attribute in template:
        if attribute.name == "finishings-col":
            return True
        if attribute.name == "finishings" and any(value.data != _NO_FINISHING for value in attribute.values):
            return True
    return False


def _attribute(name: str, value: AttributeValue) -> Attribute:
    if isinstance(value, str):
        return keyword(name, value)
    return enum(name, value) if name in _ENUMS else integer(name, value)
