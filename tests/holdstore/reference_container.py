"""A second implementation of docs/formats.md, sections 1, 2 and 10; it writes the public vectors.

It is written from that page alone and shares no code with the hold store: it computes HKDF with hmac,
joins fields by hand, and holds whole documents in memory. Only AES-GCM and X25519 are a library's.
Running it as a program writes the vectors again.
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Vector = dict[str, Any]

VECTORS = Path(__file__).parent / "vectors"
SEGMENT = 65536

KEK = bytes(range(32))
JOB = bytes.fromhex("6f1d3c52a0b84e7f9c2b5d7e8f901234")
OTHER_JOB = bytes.fromhex("6f1d3c52a0b84e7f9c2b5d7e8f9012ff")


def u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 section 2.3 with SHA-256."""
    block, output, counter = b"", b"", 1
    while len(output) < length:
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        output += block
        counter += 1
    return output[:length]


def kek_id(kek: bytes) -> bytes:
    return hashlib.sha256(b"kid" + kek).digest()[:16]


def wrap(kek: bytes, nonce: bytes, dek: bytes, job: bytes, number: int) -> bytes:
    return nonce + AESGCM(kek).encrypt(nonce, dek, b"spoold/wrap/v1" + kek_id(kek) + job + u16(number))


def hkdf_extract(salt: bytes, material: bytes) -> bytes:
    """RFC 5869 section 2.2 with SHA-256."""
    return hmac.new(salt or bytes(32), material, hashlib.sha256).digest()


def labeled_extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    """RFC 9180 section 4."""
    return hkdf_extract(salt, b"HPKE-v1" + suite + label + material)


def labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """RFC 9180 section 4."""
    return hkdf_expand(prk, u16(length) + b"HPKE-v1" + suite + label + info, length)


def archive_cipher(shared: bytes, encapsulated: bytes, public: bytes, job: bytes, number: int) -> bytes:
    """Key (32) and nonce (12) of a wrap for the archive: RFC 9180 sections 4.1 and 5.1, base mode."""
    kem = b"KEM" + u16(0x0020)
    prk = labeled_extract(kem, b"", b"eae_prk", shared)
    secret = labeled_expand(kem, prk, b"shared_secret", encapsulated + public, 32)
    suite = b"HPKE" + u16(0x0020) + u16(0x0001) + u16(0x0002)
    info = b"spoold/archive-wrap/v1" + hashlib.sha256(b"archive" + public).digest()[:16] + job + u16(number)
    context = b"\x00" + labeled_extract(suite, b"", b"psk_id_hash", b"")
    context += labeled_extract(suite, b"", b"info_hash", info)
    prk = labeled_extract(suite, secret, b"secret", b"")
    key = labeled_expand(suite, prk, b"key", context, 32)
    return key + labeled_expand(suite, prk, b"base_nonce", context, 12)


def archive_wrap(public: bytes, ephemeral: bytes, dek: bytes, job: bytes, number: int) -> bytes:
    secret = X25519PrivateKey.from_private_bytes(ephemeral)
    encapsulated = secret.public_key().public_bytes_raw()
    shared = secret.exchange(X25519PublicKey.from_public_bytes(public))
    cipher = archive_cipher(shared, encapsulated, public, job, number)
    return encapsulated + AESGCM(cipher[:32]).encrypt(cipher[32:], dek, b"")


def archive_unwrap(secret: bytes, wrapped: bytes, job: bytes, number: int) -> bytes:
    private = X25519PrivateKey.from_private_bytes(secret)
    shared = private.exchange(X25519PublicKey.from_public_bytes(wrapped[:32]))
    public = private.public_key().public_bytes_raw()
    cipher = archive_cipher(shared, wrapped[:32], public, job, number)
    return AESGCM(cipher[:32]).decrypt(cipher[32:], wrapped[32:], b"")


def cut(plaintext: bytes) -> list[bytes]:
    pieces = [plaintext[start : start + SEGMENT] for start in range(0, len(plaintext), SEGMENT)]
    return pieces or [b""]


def header(kek: bytes, salt: bytes, job: bytes, number: int) -> bytes:
    return (
        b"SPOOLD\x00\x01"
        + u16(88)
        + b"\x01"
        + b"\x00"
        + SEGMENT.to_bytes(4, "big")
        + job
        + u16(number)
        + bytes(6)
        + kek_id(kek)
        + salt
    )


def container(kek: bytes, dek: bytes, salt: bytes, *, job: bytes, number: int, plaintext: bytes) -> bytes:
    head = header(kek, salt, job, number)
    keys = hkdf_expand(dek, b"spoold/blob/v1\x00" + head, 64)
    payload, commitment = AESGCM(keys[:32]), keys[32:]
    sealed = head + commitment
    pieces = cut(plaintext)
    for index, piece in enumerate(pieces):
        final = b"\x01" if index == len(pieces) - 1 else b"\x00"
        nonce = index.to_bytes(11, "big") + final
        aad = b"SPJ1" + job + u16(number) + index.to_bytes(8, "big") + final
        sealed += payload.encrypt(nonce, piece, aad)
    return sealed


def private_words(key: bytes, nonce: bytes, job: bytes, fields: dict[str, str]) -> bytes:
    words = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    words += b" " * (-len(words) % 64)
    meta_key = hkdf_expand(key, b"spoold/meta/v1", 32)
    return b"\x01" + nonce + AESGCM(meta_key).encrypt(nonce, words, b"spoold/meta/v1" + job)


def pattern(length: int) -> bytes:
    return bytes(((i * 167 + 13) & 0xFF) ^ ((i >> 16) & 0xFF) for i in range(length))


def plaintext_of(vector: Vector) -> bytes:
    """The document a success vector says comes out."""
    given = vector["plaintext"]
    return bytes.fromhex(given["hex"]) if "hex" in given else pattern(given["pattern"])


def container_of(vectors: dict[str, Vector], name: str) -> bytes:
    """The container of vector `name`, after its edits."""
    given = vectors[name]["container"]
    if "base64" in given:
        return base64.b64decode(given["base64"])
    data = bytearray(container_of(vectors, given["of"]))
    for edit in given["edits"]:
        apply(data, edit, vectors)
    return bytes(data)


def apply(data: bytearray, edit: dict[str, Any], vectors: dict[str, Vector]) -> None:
    if "xor" in edit:
        for place, value in enumerate(bytes.fromhex(edit["with"]), start=edit["xor"]):
            data[place] ^= value
    elif "truncate" in edit:
        del data[edit["truncate"] :]
    elif "append" in edit:
        data += bytes.fromhex(edit["append"])
    elif "delete" in edit:
        del data[edit["delete"] : edit["delete"] + edit["length"]]
    elif "swap" in edit:
        (first, second), length = edit["swap"], edit["length"]
        one, two = data[first : first + length], data[second : second + length]
        data[first : first + length], data[second : second + length] = two, one
    else:
        place, end = edit["copy"], edit["copy"] + edit["length"]
        data[place:end] = container_of(vectors, edit["from"])[place:end]


def load() -> dict[str, Vector]:
    """Every vector file, by name."""
    files = [json.loads(path.read_text("ascii")) for path in sorted(VECTORS.glob("*.json"))]
    return {vector["name"]: vector for vector in files}


def fixed(label: str, length: int) -> bytes:
    """Bytes that are random to the eye and the same on every run."""
    return hashlib.shake_256(label.encode("ascii")).digest(length)


class Collection:
    """The vectors as they are made; failures are edits of what is already there."""

    def __init__(self) -> None:
        self.vectors: dict[str, Vector] = {}

    def success(
        self,
        name: str,
        comment: str,
        plaintext: dict[str, Any],
        *,
        job: bytes = JOB,
        number: int = 1,
        embed: bool = True,
    ) -> None:
        """A container made from fixed keys; with embed=False only its digest is written."""
        dek, salt, nonce = fixed(name + "/dek", 32), fixed(name + "/salt", 32), fixed(name + "/nonce", 12)
        document = plaintext_of({"plaintext": plaintext})
        sealed = container(KEK, dek, salt, job=job, number=number, plaintext=document)
        self.vectors[name] = {
            "name": name,
            "comment": comment,
            "expect": "success",
            "kek": KEK.hex(),
            "dek": dek.hex(),
            "wrap_nonce": nonce.hex(),
            "salt": salt.hex(),
            "job": job.hex(),
            "number": number,
            "size": len(document),
            "segments": len(cut(document)),
            "wrapped_key": wrap(KEK, nonce, dek, job, number).hex(),
            "plaintext": plaintext,
            "container": {"base64": base64.b64encode(sealed).decode("ascii")} if embed else None,
            "container_sha256": hashlib.sha256(sealed).hexdigest(),
        }

    def failure(
        self, name: str, expect: str, of: str, edits: list[dict[str, Any]], comment: str, **row: Any
    ) -> None:
        """Vector `of` with its container edited and members of its row replaced."""
        vector = {**self.vectors[of], "name": name, "comment": comment, "expect": expect, **row}
        vector["container"] = {"of": of, "edits": edits}
        del vector["plaintext"]
        self.vectors[name] = vector
        vector["container_sha256"] = hashlib.sha256(container_of(self.vectors, name)).hexdigest()

    def private(self, name: str, expect: str, comment: str, edits: list[dict[str, Any]]) -> None:
        """Words of a job sealed as section 2 says, then edited."""
        key, nonce = fixed("private/key", 32), fixed("private/nonce", 12)
        fields = {"title": "Übergabeprotokoll, 日本", "host": "desk-17"}
        sealed = bytearray(private_words(key, nonce, JOB, fields))
        for edit in edits:
            apply(sealed, edit, self.vectors)
        self.vectors[name] = {
            "name": name,
            "comment": comment,
            "expect": expect,
            "key": key.hex(),
            "nonce": nonce.hex(),
            "job": JOB.hex(),
            "fields": fields,
            "sealed": sealed.hex(),
        }


def make_successes(made: Collection) -> None:
    made.success("empty", "no document bytes: one empty final segment", {"hex": ""})
    made.success("one-byte", "the shortest document", {"hex": "41"})
    made.success("small", "a line of text", {"hex": b"%!PS-Adobe-3.0\nshowpage\n".hex()})
    made.success("small-other-job", "the same text in another job", {"hex": "25215053"}, job=OTHER_JOB)
    made.success("small-second-document", "the same job, document 2", {"hex": "25215053"}, number=2)
    made.success("last-document-number", "the greatest number", {"hex": "25215053"}, number=65535)
    made.success("segment-minus-one", "65535 bytes: one segment", {"pattern": 65535}, embed=False)
    made.success(
        "segment", "65536 bytes: one full final segment, no empty one", {"pattern": 65536}, embed=False
    )
    made.success("segment-plus-one", "65537 bytes: the last segment has one", {"pattern": 65537}, embed=False)
    made.success("two-full-segments", "131072 bytes", {"pattern": 131072}, embed=False)
    made.success("three-segments", "131572 bytes: two full segments and 500 bytes", {"pattern": 131572})


def make_row_failures(made: Collection) -> None:
    other = made.vectors["small-other-job"]
    small = bytes.fromhex(made.vectors["small"]["wrapped_key"])
    made.failure("size-row-greater", "size", "small", [], "the row says one byte more", size=25)
    made.failure("size-row-segments", "size", "small", [], "the row's segment count is wrong", segments=2)
    made.failure(
        "key-flipped",
        "key",
        "small",
        [],
        "one bit of the wrapped key is changed",
        wrapped_key=bytes([small[0] ^ 1, *small[1:]]).hex(),
    )
    made.failure(
        "key-truncated", "key", "small", [], "the wrapped key is short", wrapped_key=small[:-1].hex()
    )
    made.failure(
        "key-of-other-job", "key", "small", [], "another job's wrapped key", wrapped_key=other["wrapped_key"]
    )
    made.failure("key-other-kek", "key", "small", [], "another store key", kek=bytes(range(1, 33)).hex())
    made.failure("key-other-number", "key", "small", [], "the row of document 2", number=2)


def make_header_failures(made: Collection) -> None:
    def flip(name: str, offset: int, expect: str, comment: str) -> None:
        made.failure(name, expect, "small", [{"xor": offset, "with": "01"}], comment)

    flip("header-magic", 0, "header", "not a container")
    flip("header-version", 7, "header", "a format version nobody knows")
    flip("header-length", 9, "header", "header length 89")
    flip("header-suite", 10, "header", "suite 0")
    flip("header-flags", 11, "header", "a flag is set")
    flip("header-segment-size", 15, "header", "segment size 65537")
    flip("header-reserved", 34, "header", "a reserved byte is not zero")
    flip("identity-job", 16, "identity", "the header names another job")
    flip("identity-number", 33, "identity", "the header names document 0")
    flip("commitment-kek-id", 40, "commitment", "the kek_id is informative, and bound all the same")
    flip("commitment-salt", 56, "commitment", "the salt is changed")
    flip("commitment-flipped", 88, "commitment", "the commitment itself is changed")


def make_body_failures(made: Collection) -> None:
    base, full = "three-segments", SEGMENT + 16
    first, second, third = 120, 120 + full, 120 + 2 * full
    made.failure(
        "segment-ciphertext", "segment", base, [{"xor": second + 100, "with": "80"}], "one bit in segment 1"
    )
    made.failure("segment-tag", "segment", base, [{"xor": third - 1, "with": "01"}], "one bit in a tag")
    made.failure(
        "segment-last", "segment", base, [{"xor": third, "with": "01"}], "one bit in the last segment"
    )
    made.failure(
        "segment-order", "segment", base, [{"swap": [first, second], "length": full}], "two are swapped"
    )
    made.failure(
        "segment-not-final",
        "segment",
        base,
        [{"truncate": third}],
        "cut after segment 1, and the row agrees",
        size=131072,
        segments=2,
    )
    made.failure(
        "segment-after-final",
        "segment",
        base,
        [{"append": "00" * (full - 500 - 16 + 17)}],
        "a segment is added, and the row agrees",
        size=196609,
        segments=4,
    )
    made.failure("size-truncated", "size", base, [{"truncate": third}], "the last segment is missing")
    made.failure("size-one-byte-short", "size", base, [{"truncate": third + 515}], "one byte is missing")
    made.failure("size-appended", "size", base, [{"append": "00"}], "one byte follows")
    made.failure(
        "size-segment-removed", "size", base, [{"delete": first, "length": full}], "the first is missing"
    )
    made.failure("size-header-only", "size", "small", [{"truncate": 120}], "nothing but the header")
    made.failure("size-nothing", "size", "small", [{"truncate": 0}], "an empty file")


def make_swaps(made: Collection) -> None:
    for name, source in (
        ("swap-other-job", "small-other-job"),
        ("swap-other-document", "small-second-document"),
    ):
        made.success(name + "-target", "the row of the next vector", {"hex": "25215053"})
        made.failure(
            name,
            "identity",
            name + "-target",
            [{"copy": 0, "from": source, "length": 140}],
            "a whole container of the same size in the place of this one",
        )
    made.success("older-target", "the same job and number, sealed anew", {"hex": "25215053"})
    made.failure(
        "swap-older",
        "commitment",
        "older-target",
        [{"copy": 0, "from": "swap-other-job-target", "length": 140}],
        "an older container of the same job and number",
    )
    made.failure(
        "splice",
        "segment",
        "older-target",
        [{"copy": 120, "from": "swap-other-job-target", "length": 20}],
        "this header, another container's segment",
    )


def make_private(made: Collection) -> None:
    made.private("private-words", "success", "title and host", [])
    made.private("private-flipped", "private", "one bit is changed", [{"xor": 20, "with": "01"}])
    made.private("private-version", "private", "a version nobody knows", [{"xor": 0, "with": "03"}])
    made.private("private-truncated", "private", "cut in the tag", [{"truncate": 100}])
    made.private("private-short", "private", "too short to hold a tag", [{"truncate": 28}])


def make_all() -> dict[str, Vector]:
    """Every vector, by name, in the order they depend on each other."""
    made = Collection()
    for make in (
        make_successes,
        make_row_failures,
        make_header_failures,
        make_body_failures,
        make_swaps,
        make_private,
    ):
        make(made)
    return made.vectors


def text_of(vector: Vector) -> str:
    return json.dumps(vector, indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    VECTORS.mkdir(exist_ok=True)
    for old in VECTORS.glob("*.json"):
        old.unlink()
    for name, vector in make_all().items():
        (VECTORS / f"{name}.json").write_text(text_of(vector), "ascii")


if __name__ == "__main__":
    main()
