"""Properties: whatever is encoded decodes to itself, and canonical octets encode to themselves."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.ipp.decoder import Decoder, decode, decode_group
from protocols.ipp.encoder import encode, encode_group
from protocols.ipp.message import Group, Message
from protocols.ipp.tags import STRING_TAGS, ValueTag
from protocols.ipp.values import Attribute, Collection, DateTime, LanguageString, Range, Resolution, Value
from protocols.limits import IppLimits

LIMITS = IppLimits()

int32 = st.integers(-(2**31), 2**31 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text("abcxyzABC019._-", min_size=1, max_size=12)
languages = st.builds(LanguageString, texts, texts)
date_times = st.builds(
    DateTime,
    st.integers(0, 65535),
    st.integers(1, 12),
    st.integers(1, 31),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 60),
    st.integers(0, 9),
    st.sampled_from("+-"),
    st.integers(0, 14),
    st.integers(0, 59),
)
known_tags = {int(tag) for tag in ValueTag}
unknown_tags = [tag for tag in range(0x20, 0x100) if tag not in known_tags]

plain_values = st.one_of(
    st.builds(Value, st.sampled_from([ValueTag.INTEGER, ValueTag.ENUM]), int32),
    st.builds(Value, st.just(ValueTag.BOOLEAN), st.booleans()),
    st.builds(Value, st.just(ValueTag.OCTET_STRING), st.binary(max_size=20)),
    st.builds(Value, st.just(ValueTag.DATE_TIME), date_times),
    st.builds(Value, st.just(ValueTag.RESOLUTION), st.builds(Resolution, int32, int32, st.integers(0, 255))),
    st.builds(Value, st.just(ValueTag.RANGE_OF_INTEGER), st.builds(Range, int32, int32)),
    st.builds(Value, st.sampled_from([ValueTag.TEXT_WITH_LANGUAGE, ValueTag.NAME_WITH_LANGUAGE]), languages),
    st.builds(Value, st.sampled_from(sorted(STRING_TAGS)), texts),
    st.builds(Value, st.integers(0x10, 0x1F), st.none()),
    st.builds(Value, st.just(ValueTag.EXTENSION), st.binary(min_size=4, max_size=20)),
    st.builds(Value, st.sampled_from(unknown_tags), st.binary(max_size=20)),
)


def attributes_of(
    values: st.SearchStrategy[Value], max_size: int
) -> st.SearchStrategy[tuple[Attribute, ...]]:
    attribute = st.builds(Attribute, names, st.lists(values, min_size=1, max_size=4).map(tuple))
    unique = st.lists(attribute, unique_by=lambda attribute: attribute.name, max_size=max_size)
    return unique.map(tuple)


values = st.recursive(
    plain_values,
    lambda inner: st.builds(
        Value, st.just(ValueTag.BEGIN_COLLECTION), attributes_of(inner, max_size=3).map(Collection)
    ),
    max_leaves=12,
)


def depth(value: Value) -> int:
    if not isinstance(value.data, Collection):
        return 0
    inner = [depth(item) for member in value.data.members for item in member.values]
    return 1 + max(inner, default=0)


shallow = values.filter(lambda value: depth(value) <= LIMITS.max_depth)
groups = st.builds(
    Group, st.sampled_from([tag for tag in range(1, 16) if tag != 3]), attributes_of(shallow, max_size=5)
)
messages = st.builds(
    Message,
    st.tuples(st.integers(0, 255), st.integers(0, 255)),
    st.integers(0, 65535),
    int32,
    st.lists(groups, max_size=4).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(messages, st.binary(max_size=64))
def test_decode_undoes_encode_and_the_reverse(message: Message, document: bytes) -> None:
    octets = encode(message)
    decoded, consumed = decode(octets + document, LIMITS)
    assert decoded == message
    assert consumed == len(octets)
    assert encode(decoded) == octets
    assert decode(octets, LIMITS, lenient=True)[0] == message


@settings(max_examples=100, deadline=None)
@given(messages, st.binary(max_size=64), st.data())
def test_pieces_of_any_size_give_the_same_message(
    message: Message, document: bytes, data: st.DataObject
) -> None:
    octets = encode(message) + document
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=8)))
    decoder = Decoder(LIMITS)
    for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
        decoder.receive_data(octets[start:end])
    assert decoder.message == message
    assert decoder.take_remainder() == document
    assert decoder.consumed == len(octets) - len(document)


@settings(max_examples=50, deadline=None)
@given(groups)
def test_groups_alone_round_trip(group: Group) -> None:
    assert decode_group(encode_group(group), LIMITS) == group
