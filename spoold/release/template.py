"""A job's own Job Template attributes on their way to the printer."""

from collections.abc import Iterable

from protocols.ipp.message import Attribute

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
# "finishings" value none (RFC 8011 5.2.6).
_NO_FINISHING = 3


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
