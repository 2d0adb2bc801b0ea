"""Sizes of paper by their names."""

import pytest

from protocols.ipp.media import SAME_PAPER, dimensions, is_custom_bound, name_of, one_name, size_in, size_of
from protocols.ipp.media_sizes import NAMED_SIZES
from protocols.ipp.values import Attribute, Collection, Range, boolean, collection, integer, keyword, range_


def media_size(*members: Attribute) -> Attribute:
    return collection("media-size", members)


def sheet(width: int, height: int) -> Attribute:
    return media_size(integer("x-dimension", width), integer("y-dimension", height))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("iso_a4_210x297mm", (21000, 29700)),
        ("na_letter_8.5x11in", (21590, 27940)),
        ("na_index-4x6_4x6in", (10160, 15240)),
        ("om_small-photo_100x150mm", (10000, 15000)),
        ("custom_max_8.5x14in", (21590, 35560)),
        ("jis_b5_182x257mm", (18200, 25700)),
    ],
)
def test_a_name_says_the_size(name: str, size: tuple[int, int]) -> None:
    assert size_of(name) == size


@pytest.mark.parametrize(
    "name", ["", "a4", "letter", "iso_a4_210x297", "iso_a4_x297mm", "iso_a4_210x297mm\n", "x_y_999999x1mm"]
)
def test_other_names_do_not(name: str) -> None:
    assert size_of(name) is None


def test_bounds_of_custom_sizes_are_no_sizes() -> None:
    assert is_custom_bound("custom_min_3x5in")
    assert not is_custom_bound("iso_a4_210x297mm")


@pytest.mark.parametrize("name", NAMED_SIZES)
def test_a_size_of_the_standard_has_its_own_name(name: str) -> None:
    size = size_of(name)
    assert size is not None
    assert name_of(size) == name


@pytest.mark.parametrize(
    ("size", "name"),
    [
        ((29700, 42000), "iso_a3_297x420mm"),
        # A sheet that is fed by its long edge is the same paper.
        ((42000, 29700), "iso_a3_297x420mm"),
        ((21590, 27940), "na_letter_8.5x11in"),
        ((29700 - SAME_PAPER, 42000 + SAME_PAPER), "iso_a3_297x420mm"),
        ((29700 - SAME_PAPER - 1, 42000), "custom_296.49x420mm_296.49x420mm"),
        ((21150, 30000), "custom_211.5x300mm_211.5x300mm"),
        ((16200, 11400), "iso_c6-long-flap_162x114mm"),
    ],
)
def test_a_size_has_one_name(size: tuple[int, int], name: str) -> None:
    assert name_of(size) == name


@pytest.mark.parametrize("name", ["custom_poster_297x420mm", "om_x_420x297mm", "oe_x_11.69x16.54in"])
def test_paper_has_one_name_whatever_it_is_called(name: str) -> None:
    assert one_name(name) == "iso_a3_297x420mm"


def test_a_custom_name_says_its_size() -> None:
    assert size_of(name_of((21105, 30010))) == (21105, 30010)
    assert one_name("tray-2") == "tray-2"


def test_media_col_asks_for_a_size_by_dimensions_or_by_name() -> None:
    named = keyword("media-size-name", "iso_a4_210x297mm")
    assert size_in(Collection((sheet(29700, 42000), keyword("media-type", "labels")))) == (29700, 42000)
    assert size_in(Collection((named,))) == (21000, 29700)
    assert size_in(Collection((keyword("media-type", "labels"),))) is None


@pytest.mark.parametrize(
    "member",
    [
        sheet(0, 29700),
        sheet(21000, -1),
        media_size(integer("x-dimension", 21000)),
        media_size(integer("x-dimension", 21000), integer("y-dimension", 29700, 42000)),
        media_size(integer("x-dimension", 21000), range_("y-dimension", Range(1, 42000))),
        media_size(integer("x-dimension", 21000), boolean("y-dimension", True)),
        media_size(integer("x-dimension", 21000), integer("y-dimension", 29700), integer("z", 1)),
        collection(
            "media-size",
            *(one.first for one in (sheet(1, 2), sheet(3, 4)) if isinstance(one.first, Collection)),
        ),
        keyword("media-size", "iso_a4_210x297mm"),
    ],
)
def test_two_lengths_are_a_size_and_nothing_else(member: Attribute) -> None:
    assert dimensions(member) is None
