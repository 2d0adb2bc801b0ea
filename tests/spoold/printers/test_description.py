"""Descriptions: whatever a printer says of itself, the answer is plain short text and bounded numbers."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.ipp.message import Group
from protocols.ipp.tags import GroupTag, ValueTag
from protocols.ipp.values import Attribute, Collection, LanguageString, Range, Value
from spoold.printers.base import PrinterDescription
from spoold.printers.description import MAX_SUPPLIES, MAX_TEXT_CHARACTERS, WANTED, describe

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.text(max_size=300),
    st.binary(max_size=20),
    st.builds(LanguageString, st.just("en"), st.text(max_size=20)),
    st.builds(Range, st.integers(0, 9), st.integers(0, 9)),
    st.just(Collection(())),
)
VALUES = st.lists(st.builds(Value, st.sampled_from(ValueTag), ANYTHING), min_size=1, max_size=40)
NAMES = st.sampled_from(
    [*WANTED, "printer-up-time", "printer-uri-supported", "printer-uuid", "printer-device-id"]
)
GROUPS = st.lists(st.builds(lambda name, values: Attribute(name, tuple(values)), NAMES, VALUES), max_size=20)


@settings(max_examples=400, deadline=None)
@given(GROUPS)
def test_any_answer_gives_a_description(attributes: list[Attribute]) -> None:
    described = describe(Group(GroupTag.PRINTER, tuple(attributes)))
    assert len(described.make_and_model) <= MAX_TEXT_CHARACTERS
    assert described.make_and_model.isprintable()
    assert len(described.supplies) <= MAX_SUPPLIES
    for supply in described.supplies:
        assert supply.level is None or 0 <= supply.level <= 100
        assert supply.name.isprintable()


def test_an_empty_answer() -> None:
    described = describe(Group(GroupTag.PRINTER))
    assert isinstance(described, PrinterDescription)
    assert described.supplies == ()
