"""How a document is drawn for a printer: what the job asks for, as far as the printer can do it."""

from collections.abc import Iterable
from dataclasses import replace

from protocols.ipp.media import size_in, size_of
from protocols.ipp.values import Attribute, Collection, Range, Resolution
from protocols.raster.headers import PWG_FORMAT, URF_FORMAT, Space
from spoold.documents.plan import RenderPlan
from spoold.documents.rendering import RenderingFailed
from spoold.documents.worker.render import KIND_JPEG, KIND_PDF
from spoold.model.job import Document
from spoold.printers.capabilities import CONVERTS, MAX_COPIES, Capabilities, Choice

# PWG 5100.7 has no default size; a printer that names none has A4 in it outside of North America.
_A4 = (21000, 29700)
_DEFAULT_DOTS = 300
# "print-quality" (RFC 8011 5.2.13).
_DRAFT, _HIGH = 3, 5
_ONE_COLOR = frozenset(
    {"monochrome", "process-monochrome", "auto-monochrome", "bi-level", "process-bi-level"}
)
_PWG_TYPES = {"srgb_8": Space.SRGB, "sgray_8": Space.SGRAY, "black_1": Space.BLACK}
_URF_TYPES = {"SRGB24": Space.SRGB, "W8": Space.SGRAY}
# "urf-supported": how back sides are turned.
_URF_BACKS = {"DM1": "normal", "DM2": "flipped", "DM3": "rotated", "DM4": "manual-tumble"}
_SCALINGS = ("auto", "auto-fit", "fill", "fit", "none")
# What is done with the document here, and must not be done by the printer again.
_DONE_HERE = frozenset({"page-ranges", "print-scaling"})


def target_of(kind: str, abilities: Capabilities) -> str | None:
    """Return what a document of this kind can be drawn as for a printer; None when it cannot be."""
    possible = CONVERTS.get(kind.lower(), frozenset()) & abilities.formats
    return next((one for one in (PWG_FORMAT, URF_FORMAT) if one in possible), None)


def with_drawing(abilities: Capabilities | None, documents: Iterable[Document]) -> Capabilities | None:
    """Return what a printer can do when these documents are drawn for it: copies and ranges, too."""
    if abilities is None or not all(
        one.format.lower() not in abilities.formats and target_of(one.format, abilities) for one in documents
    ):
        return abilities
    scaling = Choice(_SCALINGS, abilities.choices["print-scaling"].default)
    choices = {**abilities.choices, "print-scaling": scaling}
    return replace(abilities, copies=max(abilities.copies, MAX_COPIES), page_ranges=True, choices=choices)


def plan_of(
    template: Iterable[Attribute], kind: str, pages: int | None, abilities: Capabilities
) -> RenderPlan:
    """Return how a document is drawn for a printer, by what the job asks for and the printer can do.

    Raises:
        RenderingFailed: the printer takes nothing that is made here, or the pages asked for are not there.
    """
    asked = {attribute.name: attribute for attribute in template}
    target = target_of(kind, abilities)
    if target is None:
        raise RenderingFailed("the printer takes nothing that it can be converted to")
    sides = _word(asked, "sides") or str(abilities.choices["sides"].default)
    name, size = _medium(asked, abilities)
    copies = _number(asked, "copies") or 1
    plan = RenderPlan(
        target=target,
        space=_space(target, asked, abilities),
        resolution=_resolution(target, asked, abilities),
        size=size,
        size_name=name,
        pages=pages,
        ranges=_ranges(asked),
        copies=1 if copies <= abilities.copies else copies,
        duplex=sides.startswith("two-sided") and abilities.two_sided,
        tumble=sides == "two-sided-short-edge" and abilities.two_sided,
        sheet_back=_sheet_back(target, abilities),
        fit=_word(asked, "print-scaling") != "none",
        quality=_number(asked, "print-quality") or 0,
        kind=KIND_JPEG if kind.lower() == "image/jpeg" else KIND_PDF,
    )
    if plan.pages_of_copy == 0:
        raise RenderingFailed("it has none of the pages that were asked for")
    return plan


def told(template: Iterable[Attribute], abilities: Capabilities) -> tuple[Attribute, ...]:
    """Return what the printer is still told, when the rest was done here."""
    kept = [one for one in template if one.name not in _DONE_HERE]
    return tuple(
        one
        for one in kept
        if one.name != "copies" or not isinstance(one.first, int) or one.first <= abilities.copies
    )


def _space(target: str, asked: dict[str, Attribute], abilities: Capabilities) -> Space:
    known = _PWG_TYPES if target == PWG_FORMAT else _URF_TYPES
    said = abilities.raster_types if target == PWG_FORMAT else abilities.urf
    taken = [known[one] for one in said if one in known]
    mode = _word(asked, "print-color-mode") or str(abilities.choices["print-color-mode"].default)
    liked = (
        (Space.SGRAY, Space.BLACK, Space.SRGB)
        if mode in _ONE_COLOR
        else (Space.SRGB, Space.SGRAY, Space.BLACK)
    )
    for space in liked:
        if space in taken:
            return space
    if said:
        raise RenderingFailed("the printer takes no kind of raster that is made here")
    return Space.SGRAY


def _resolution(target: str, asked: dict[str, Attribute], abilities: Capabilities) -> tuple[int, int]:
    if target == PWG_FORMAT:
        taken = [(one.cross_feed, one.feed) for one in abilities.raster_resolutions]
    else:
        words = [one for one in abilities.urf if one.startswith("RS")]
        taken = [(int(dots), int(dots)) for one in words for dots in one[2:].split("-") if dots.isdigit()]
    if not taken:
        return _DEFAULT_DOTS, _DEFAULT_DOTS
    attribute = asked.get("printer-resolution")
    wanted = None if attribute is None else attribute.first
    quality = _number(asked, "print-quality")
    if not isinstance(wanted, Resolution) and quality in (_DRAFT, _HIGH):
        return min(taken) if quality == _DRAFT else max(taken)
    for one in (wanted, abilities.choices["printer-resolution"].default):
        if isinstance(one, Resolution) and (one.cross_feed, one.feed) in taken:
            return one.cross_feed, one.feed
    return min(taken, key=lambda one: (abs(one[0] - _DEFAULT_DOTS), one))


def _medium(asked: dict[str, Attribute], abilities: Capabilities) -> tuple[str, tuple[int, int]]:
    column = asked.get("media-col")
    if column is not None and isinstance(column.first, Collection):
        size = size_in(column.first)
        if size is not None:
            return next((name for name in abilities.media if size_of(name) == size), ""), size
    for name in (_word(asked, "media"), abilities.media_default):
        found = size_of(name) if name else None
        if name and found is not None:
            return name, found
    return "", _A4


def _ranges(asked: dict[str, Attribute]) -> tuple[tuple[int, int], ...]:
    """Return the ranges in rising order and apart, whatever was sent (RFC 8011 5.2.7 asks for both)."""
    attribute = asked.get("page-ranges")
    values = () if attribute is None else attribute.values
    wanted = sorted((max(1, one.data.lower), one.data.upper) for one in values if isinstance(one.data, Range))
    joined: list[tuple[int, int]] = []
    for first, last in wanted:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        elif first <= last:
            joined.append((first, last))
    return tuple(joined)


def _sheet_back(target: str, abilities: Capabilities) -> str:
    if target == PWG_FORMAT:
        return abilities.sheet_back or "normal"
    return next((_URF_BACKS[one] for one in abilities.urf if one in _URF_BACKS), "normal")


def _word(asked: dict[str, Attribute], name: str) -> str | None:
    attribute = asked.get(name)
    return None if attribute is None or not isinstance(attribute.first, str) else attribute.first


def _number(asked: dict[str, Attribute], name: str) -> int | None:
    attribute = asked.get(name)
    return None if attribute is None or not isinstance(attribute.first, int) else attribute.first
