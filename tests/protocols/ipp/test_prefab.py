"""Attributes encoded from prepared names are octet for octet what the encoder makes of them."""

from datetime import UTC, datetime

import pytest

from protocols.errors import LocalProtocolError
from protocols.ipp import prefab
from protocols.ipp.encoder import encode_attributes
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import date_time, enum, integer, no_value, text


@pytest.mark.parametrize("number", [0, 1, -1, 2**31 - 1, -(2**31)])
def test_numbers(number: int) -> None:
    assert prefab.integers("job-id")(number) == encode_attributes([integer("job-id", number)])
    state = prefab.integers("job-state", ValueTag.ENUM)(number)
    assert state == encode_attributes([enum("job-state", number)])


def test_texts() -> None:
    encode = prefab.octets("job-state-message", ValueTag.TEXT_WITHOUT_LANGUAGE)
    for words in ("", "Grüße", "x" * 1023):
        assert encode(words.encode()) == encode_attributes([text("job-state-message", words)])


def test_a_text_without_end_is_a_mistake_here() -> None:
    with pytest.raises(LocalProtocolError):
        prefab.octets("job-name", ValueTag.NAME_WITHOUT_LANGUAGE)(bytes(0x8000))


def test_moments() -> None:
    moment = datetime(2026, 11, 22, 17, 4, 5, 999_999, UTC)
    us = int(moment.timestamp()) * 1_000_000 + 999_999
    encoded = prefab.moments("date-time-at-creation")(us)
    assert encoded == encode_attributes([date_time("date-time-at-creation", moment)])


def test_nothing() -> None:
    nothing = encode_attributes([no_value("job-impressions")])
    assert prefab.nothing("job-impressions") == nothing
    assert prefab.integers("job-impressions")(None) == nothing
    assert prefab.octets("job-impressions", ValueTag.URI)(None) == nothing
