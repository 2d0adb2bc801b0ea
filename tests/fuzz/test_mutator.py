"""The mutator is repeatable, bounded and really changes things."""

from itertools import islice

import pytest

from tests.fuzz.mutator import Mutator

CORPUS = (b"hello world", b"\x00" * 40, b"")


def test_equal_seeds_give_equal_inputs() -> None:
    first = list(islice(Mutator(7, CORPUS).mutations(), 500))
    assert first == list(islice(Mutator(7, CORPUS).mutations(), 500))
    assert first != list(islice(Mutator(8, CORPUS).mutations(), 500))


def test_corpus_comes_first_unchanged() -> None:
    assert tuple(islice(Mutator(1, CORPUS).mutations(), 3)) == CORPUS


def test_no_input_exceeds_the_bound() -> None:
    inputs = islice(Mutator(3, CORPUS, max_bytes=64).mutations(), 5000)
    assert max(map(len, inputs)) == 64


def test_tokens_are_inserted() -> None:
    inputs = islice(Mutator(3, (b"",), tokens=(b"TOKEN",)).mutations(), 300)
    assert any(b"TOKEN" in data for data in inputs)


def test_most_inputs_differ() -> None:
    inputs = list(islice(Mutator(5, CORPUS).mutations(), 2000))
    assert len(set(inputs)) > 1000


def test_empty_corpus_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Mutator(1, ())
