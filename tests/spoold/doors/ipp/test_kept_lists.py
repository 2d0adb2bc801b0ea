"""Kept answers: for the same question and the same state of the database, and not too many."""

from spoold.doors.ipp.kept_lists import KeptLists


def test_an_answer_holds_for_its_state_of_the_database() -> None:
    kept = KeptLists()
    kept.keep("what?", 7, b"this")
    assert (kept.find("what?", 7), kept.find("what?", 8), kept.find("who?", 7)) == (b"this", None, None)


def test_a_newer_answer_takes_the_place_of_the_older() -> None:
    kept = KeptLists(max_octets=10)
    for version in range(5):
        kept.keep("what?", version, bytes(9))
    assert kept.find("what?", 4) == bytes(9)


def test_the_oldest_go() -> None:
    kept = KeptLists(max_octets=10)
    for question in range(4):
        kept.keep(question, 1, bytes(4))
    assert [kept.find(question, 1) for question in range(4)] == [None, None, bytes(4), bytes(4)]


def test_what_is_too_long_is_not_kept() -> None:
    kept = KeptLists(max_octets=10)
    kept.keep("what?", 1, bytes(11))
    assert kept.find("what?", 1) is None
