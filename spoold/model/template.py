"""A job's Job Template attributes: as they are stored, read back, and changed by the policy."""

from collections.abc import Iterable, Mapping

from policy.decision import AttributeValue
from protocols.ipp.decoder import decode_group
from protocols.ipp.encoder import encode_group
from protocols.ipp.message import Attribute, Group
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import enum, integer, keyword
from protocols.limits import IppLimits
from spoold.model.job import Job

# Numbers that travel as `enum` (RFC 8011 5.2); every other number is an `integer`.
_ENUMS = frozenset({"print-quality", "orientation-requested", "finishings"})


def template_of(job: Job) -> tuple[Attribute, ...]:
    """Return the attributes that the client asked for and the policy set at acceptance.

    Raises:
        RemoteProtocolError: the stored group cannot be read.
    """
    return decoded(job.template)


def decoded(template: bytes | None) -> tuple[Attribute, ...]:
    """Return the attributes that `encoded` was given; none where nothing is stored.

    Raises:
        RemoteProtocolError: the stored group cannot be read.
    """
    return decode_group(template, IppLimits()).attributes if template else ()


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


def _attribute(name: str, value: AttributeValue) -> Attribute:
    if isinstance(value, str):
        return keyword(name, value)
    return enum(name, value) if name in _ENUMS else integer(name, value)
