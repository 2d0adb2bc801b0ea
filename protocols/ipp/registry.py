"""The syntaxes of operation and Job Template attributes, to check values and to read them from text."""

from collections.abc import Mapping
from types import MappingProxyType

from protocols.ipp.definitions import MAX_INTEGER, MIN_INTEGER, Syntax
from protocols.ipp.keywords import (
    Finishing,
    MultipleDocumentHandling,
    NamedEnum,
    Orientation,
    PrintColorMode,
    PrintQuality,
    PrintScaling,
    Sides,
)
from protocols.ipp.message import Group
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import Attribute

_TEXT = (ValueTag.TEXT_WITHOUT_LANGUAGE, ValueTag.TEXT_WITH_LANGUAGE)
_NAME = (ValueTag.NAME_WITHOUT_LANGUAGE, ValueTag.NAME_WITH_LANGUAGE)


def _keyword(*words: str, several: bool = False) -> Syntax:
    return Syntax((ValueTag.KEYWORD,), several=several, keywords=frozenset(words))


def _integer(lowest: int = MIN_INTEGER, highest: int = MAX_INTEGER, *, several: bool = False) -> Syntax:
    return Syntax((ValueTag.INTEGER,), several=several, lowest=lowest, highest=highest)


def _enum(names: type[NamedEnum], *, several: bool = False) -> Syntax:
    return Syntax((ValueTag.ENUM,), several=several, lowest=0, enum=names)


_KEYWORD_OR_NAME = Syntax((ValueTag.KEYWORD, *_NAME))
_TEXT_SYNTAX = Syntax(_TEXT)
_NAME_SYNTAX = Syntax(_NAME)
_URI = Syntax((ValueTag.URI,))
_BOOLEAN = Syntax((ValueTag.BOOLEAN,))
_MIME = Syntax((ValueTag.MIME_MEDIA_TYPE,))
_CHARSET = Syntax((ValueTag.CHARSET,))
_LANGUAGE = Syntax((ValueTag.NATURAL_LANGUAGE,))
_DATE_TIME = Syntax((ValueTag.DATE_TIME,))
_COLLECTION = Syntax((ValueTag.BEGIN_COLLECTION,))
_COLLECTIONS = Syntax((ValueTag.BEGIN_COLLECTION,), several=True)
_SHIFT = _integer()

JOB_TEMPLATE: Mapping[str, Syntax] = MappingProxyType(
    {
        # RFC 8011 5.2
        "copies": _integer(1),
        "finishings": _enum(Finishing, several=True),
        "job-hold-until": _KEYWORD_OR_NAME,
        "job-priority": _integer(1, 100),
        "job-sheets": _KEYWORD_OR_NAME,
        "media": _KEYWORD_OR_NAME,
        "multiple-document-handling": _keyword(*MultipleDocumentHandling),
        "number-up": _integer(1),
        "orientation-requested": _enum(Orientation),
        "page-ranges": Syntax((ValueTag.RANGE_OF_INTEGER,), several=True, lowest=1),
        "print-quality": _enum(PrintQuality),
        "printer-resolution": Syntax((ValueTag.RESOLUTION,)),
        "sides": _keyword(*Sides),
        # PWG 5100.1, 5100.2, 5100.3, 5100.6
        "finishings-col": Syntax((ValueTag.BEGIN_COLLECTION,), several=True, no_value=True),
        "job-pages-per-set": _integer(1),
        "output-bin": _KEYWORD_OR_NAME,
        "cover-back": _COLLECTION,
        "cover-front": _COLLECTION,
        "force-front-side": _integer(1, several=True),
        "image-orientation": _enum(Orientation),
        "imposition-template": _KEYWORD_OR_NAME,
        "insert-sheet": _COLLECTIONS,
        "job-accounting-sheets": _COLLECTION,
        "job-error-sheet": _COLLECTION,
        "job-message-to-operator": _TEXT_SYNTAX,
        "job-recipient-name": _NAME_SYNTAX,
        "job-sheet-message": _TEXT_SYNTAX,
        "page-delivery": _keyword(),
        "presentation-direction-number-up": _keyword(),
        "separator-sheets": _COLLECTION,
        "x-image-position": _keyword(),
        "x-image-shift": _SHIFT,
        "x-side1-image-shift": _SHIFT,
        "x-side2-image-shift": _SHIFT,
        "y-image-position": _keyword(),
        "y-image-shift": _SHIFT,
        "y-side1-image-shift": _SHIFT,
        "y-side2-image-shift": _SHIFT,
        "overrides": _COLLECTIONS,
        # PWG 5100.7
        "job-account-id": _NAME_SYNTAX,
        "job-accounting-user-id": _NAME_SYNTAX,
        "job-delay-output-until": _KEYWORD_OR_NAME,
        "job-delay-output-until-time": _DATE_TIME,
        "job-hold-until-time": _DATE_TIME,
        "job-retain-until": _KEYWORD_OR_NAME,
        "job-retain-until-interval": _integer(0),
        "job-retain-until-time": _DATE_TIME,
        "job-sheets-col": _COLLECTION,
        "media-col": _COLLECTION,
        "output-device": Syntax(_NAME, max_octets=127),
        "print-content-optimize": _keyword(),
        # PWG 5100.11, 5100.13, 5100.16
        "job-cancel-after": _integer(0),
        "proof-copies": _integer(1),
        "proof-print": _COLLECTION,
        "job-error-action": _keyword(),
        "media-overprint": _COLLECTION,
        "pages-per-subset": _integer(1, several=True),
        "print-color-mode": _keyword(*PrintColorMode),
        "print-rendering-intent": _keyword(),
        "print-scaling": _keyword(*PrintScaling),
        "job-account-type": _KEYWORD_OR_NAME,
        # Label printers (PWG registration of 2020)
        "print-darkness": _integer(-100, 100),
        "print-speed": _integer(1),
    }
)
"""Job Template attributes by name."""

OPERATION: Mapping[str, Syntax] = MappingProxyType(
    {
        # RFC 8011 section 4
        "attributes-charset": _CHARSET,
        "attributes-natural-language": _LANGUAGE,
        "compression": _keyword(),
        "detailed-status-message": _TEXT_SYNTAX,
        "document-charset": _CHARSET,
        "document-format": _MIME,
        "document-name": _NAME_SYNTAX,
        "document-natural-language": _LANGUAGE,
        "document-uri": _URI,
        "ipp-attribute-fidelity": _BOOLEAN,
        "job-id": _integer(1),
        "job-impressions": _integer(0),
        "job-k-octets": _integer(0),
        "job-media-sheets": _integer(0),
        "job-name": _NAME_SYNTAX,
        "job-uri": _URI,
        "last-document": _BOOLEAN,
        "limit": _integer(1),
        "message": Syntax(_TEXT, max_octets=127),
        "my-jobs": _BOOLEAN,
        "printer-uri": _URI,
        "requested-attributes": _keyword(several=True),
        "requesting-user-name": _NAME_SYNTAX,
        "status-message": Syntax(_TEXT, max_octets=255),
        "which-jobs": _keyword(),
        # PWG 5100.5, 5100.7, 5100.11, 5100.13, 5100.16
        "document-message": _TEXT_SYNTAX,
        "document-number": _integer(1),
        "document-metadata": Syntax((ValueTag.OCTET_STRING,), several=True),
        "document-password": Syntax((ValueTag.OCTET_STRING,), max_octets=1023),
        "client-info": _COLLECTIONS,
        "first-index": _integer(1),
        "identify-actions": _keyword(several=True),
        "job-authorization-uri": _URI,
        "job-hold-until": _KEYWORD_OR_NAME,
        "job-hold-until-time": _DATE_TIME,
        "job-ids": _integer(1, several=True),
        "job-impressions-estimated": _integer(1),
        "job-mandatory-attributes": _keyword(several=True),
        "job-pages": _integer(0),
        "job-password": Syntax((ValueTag.OCTET_STRING,), max_octets=255),
        "job-password-encryption": _KEYWORD_OR_NAME,
        "job-release-action": _keyword(),
        "job-storage": _COLLECTION,
        "requesting-user-uri": _URI,
    }
)
"""Operation attributes of requests by name."""


def from_text(name: str, text: str) -> Attribute:
    """Return a Job Template or operation attribute with the values that the text says.

    `sides` from "two-sided-long-edge", `copies` from "3", `print-quality` from "high" or "5",
    `page-ranges` from "1-4,7", `printer-resolution` from "600dpi".

    Raises:
        ValueError: the attribute is not known, or the text is not of its syntax.
    """
    syntax = JOB_TEMPLATE.get(name) or OPERATION.get(name)
    if syntax is None:
        raise ValueError(f"{name!r} is not a Job Template or operation attribute")
    try:
        return Attribute(name, syntax.parse(text))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def misfits(group: Group, syntaxes: Mapping[str, Syntax]) -> tuple[Attribute, ...]:
    """Return the group's attributes that are known and not of their syntax, in wire order."""
    return tuple(
        attribute
        for attribute in group.attributes
        if (syntax := syntaxes.get(attribute.name)) is not None and not syntax.accepts(attribute)
    )
