"""Sizes of paper by their names."""

import pytest

from protocols.ipp.media import is_custom_bound, size_of


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
