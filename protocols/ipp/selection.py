"""Selects the attributes that `requested-attributes` asks for (RFC 8011 4.2.5.1, 4.2.6.1 and 4.3.4.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocols.ipp.registry import JOB_TEMPLATE
from protocols.ipp.values import Attribute

# Hundreds of collections, so no group keyword means it: only its own name does (PWG 5100.7).
ONLY_WHEN_NAMED = frozenset({"media-col-database"})

GET_JOBS_DEFAULT = ("job-id", "job-uri")
"""What Get-Jobs answers when nothing is requested (RFC 8011 4.2.6.1)."""

# A Printer describes each Job Template attribute by attributes with these endings (RFC 8011 5.2).
_PRINTER_ENDINGS = ("-default", "-supported", "-ready", "-database")

_JOB_GROUPS = frozenset({"all", "job-description", "job-template"})
_DOCUMENT_GROUPS = frozenset({"all", "document-description", "document-template"})
_SUBSCRIPTION_GROUPS = frozenset({"all", "subscription-description", "subscription-template"})
_PRINTER_GROUPS = frozenset({"all", "printer-description", "job-template"})


@dataclass(frozen=True, slots=True)
class Selection:
    """What one request wants to see; equal selections may share a cached answer.

    Attributes:
        names: attributes asked for by name.
        template: whether the Job Template attributes are wanted.
        description: whether all other attributes are wanted.
        of_printer: whether template attributes are told by their `-default` and similar endings.
    """

    names: frozenset[str]
    template: bool
    description: bool
    of_printer: bool

    def wants(self, name: str) -> bool:
        """Whether the attribute of that name belongs into the answer."""
        if name in self.names:
            return True
        if name in ONLY_WHEN_NAMED:
            return False
        if self.template == self.description:
            return self.template
        return self.template if self._is_template(name) else self.description

    def of(self, attributes: Iterable[Attribute]) -> tuple[Attribute, ...]:
        """Return the wanted ones of an object's attributes, in their order."""
        wants = self.wants
        return tuple([attribute for attribute in attributes if wants(attribute.name)])

    def _is_template(self, name: str) -> bool:
        return is_printer_template(name) if self.of_printer else name in JOB_TEMPLATE


def is_printer_template(name: str) -> bool:
    """Whether a Printer attribute describes a Job Template attribute, as `sides-supported` does."""
    return any(name.endswith(ending) and name[: -len(ending)] in JOB_TEMPLATE for ending in _PRINTER_ENDINGS)


def printer_selection(requested: Sequence[str]) -> Selection:
    """Return what a Get-Printer-Attributes request wants: everything if it names nothing."""
    return _selection(requested or ("all",), _PRINTER_GROUPS, "printer-description", of_printer=True)


def job_selection(requested: Sequence[str], default: Sequence[str] = ("all",)) -> Selection:
    """Return what a job query wants.

    Args:
        requested: the values of `requested-attributes`.
        default: what counts when there are none: everything for Get-Job-Attributes,
            `GET_JOBS_DEFAULT` for Get-Jobs.
    """
    return _selection(requested or default, _JOB_GROUPS, "job-description", of_printer=False)


def document_selection(requested: Sequence[str], default: Sequence[str] = ("all",)) -> Selection:
    """Return what a query for documents wants (PWG 5100.5 3.2.2); `default` as for `job_selection`."""
    return _selection(requested or default, _DOCUMENT_GROUPS, "document-description", of_printer=False)


def subscription_selection(requested: Sequence[str], default: Sequence[str] = ("all",)) -> Selection:
    """Return what a query for subscriptions wants (RFC 3995 11.2.4); `default` as for `job_selection`."""
    asked = requested or default
    if "subscription-template" in asked:
        # What is asked for and what is told of a subscription are few; nobody wants half of them.
        asked = (*asked, "subscription-description")
    return _selection(asked, _SUBSCRIPTION_GROUPS, "subscription-description", of_printer=False)


def _selection(
    requested: Sequence[str], groups: frozenset[str], description: str, *, of_printer: bool
) -> Selection:
    words = frozenset(requested)
    everything = "all" in words
    # Group keywords of other objects, and words nobody knows, are names that no attribute has.
    return Selection(
        names=words - groups,
        template=everything or "job-template" in words,
        description=everything or description in words,
        of_printer=of_printer,
    )
