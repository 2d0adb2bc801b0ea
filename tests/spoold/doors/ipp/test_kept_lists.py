"""Kept answers: by question, with the rows they were made of, and not too many."""

from spoold.doors.ipp.kept_lists import KeptLists

MARK, OTHER = (1, 100), (2, 100)


def test_an_answer_is_kept_with_its_version_and_its_rows() -> None:
    kept = KeptLists()
    assert kept.keep("what?", 7, [(MARK, b"one"), (OTHER, b"two")]) == b"onetwo"
    found = kept.find("what?")
    assert found is not None
    assert (found.version, found.octets) == (7, b"onetwo")
    assert [found.groups.get(one) for one in (MARK, OTHER, (2, 101))] == [b"one", b"two", None]
    assert kept.find("who?") is None


def test_a_newer_answer_takes_the_place_of_the_older() -> None:
    kept = KeptLists(max_octets=10)
    for version in range(5):
        kept.keep("what?", version, [(MARK, bytes(9))])
    found = kept.find("what?")
    assert found is not None
    assert found.version == 4


def test_the_oldest_go() -> None:
    kept = KeptLists(max_octets=10)
    for question in range(4):
        kept.keep(question, 1, [(MARK, bytes(4))])
    assert [kept.find(question) is None for question in range(4)] == [True, True, False, False]


def test_what_is_too_long_is_not_kept() -> None:
    kept = KeptLists(max_octets=10)
    assert kept.keep("what?", 1, [(MARK, bytes(11))]) == bytes(11)
    assert kept.find("what?") is None


def test_answers_without_a_job_are_not_for_nothing() -> None:
    """Whoever asks for the jobs from 1, from 2, from 3 on, and so on, gets empty answers for ever."""
    kept = KeptLists(max_kept=2)
    for question in range(1000):
        kept.keep(question, 1, [])
    assert sum(kept.find(question) is not None for question in range(1000)) == 2
