"""Tags of numbers and codes: the same for the same words, of use to nobody without the store key."""

import hashlib
import hmac

from holdstore.keyring import Keyring
from spoold.keys.tags import Tags

KEK, OLDER = bytes(range(32)), bytes(reversed(range(32)))
BADGE = b"spoold/badge/v1"


def test_a_tag_is_an_hmac_under_the_key_of_its_purpose() -> None:
    keyring = Keyring.from_bytes(KEK)
    tags = Tags(keyring.derive)
    assert tags.of(BADGE, "0012345678") == hmac.digest(
        keyring.derive(BADGE)[0], b"0012345678", hashlib.sha256
    )
    assert tags.of(BADGE, "0012345678") != tags.of(b"spoold/code/v1", "0012345678")
    assert tags.of(BADGE, "0012345678") != tags.of(BADGE, "12345678")
    assert tags.of(BADGE, "0012345678") not in {hashlib.sha256(b"0012345678").digest(), b"0012345678"}


def test_rows_from_before_a_new_store_key_are_found() -> None:
    old, new = Tags(Keyring.from_bytes(OLDER).derive), Tags(Keyring.from_bytes(KEK, older=[OLDER]).derive)
    assert new.all_of(BADGE, "7") == (new.of(BADGE, "7"), old.of(BADGE, "7"))
