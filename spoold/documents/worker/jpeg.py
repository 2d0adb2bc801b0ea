"""Puts a JPEG picture into a PDF of one page, as it is, so that one program draws both.

Only the markers of the file are walked through, for the size and the number of colours (ITU-T T.81, B.2); the
picture itself is nobody's concern here. Pure: octets are asked for by offset.
"""

from collections.abc import Callable
from dataclasses import dataclass

HEAD_BYTES = 1024
"""What stands before the picture, padded to this length: it is written when the picture is known."""
MAX_MARKERS = 4_000
"""Colour profiles and thumbnails come in pieces of 64 KiB; this many have no picture behind them."""
MAX_POINTS = 7_200
"""Of the page's longer side: half of what PDF allows. It is fitted to the paper anyway."""

_START_OF_IMAGE = b"\xff\xd8"
_ADOBE, _EXIF = b"Adobe", b"Exif\x00\x00"
_APP1, _APP14 = 0xE1, 0xEE
# Start of frame with Huffman or arithmetic coding; C4, C8 and CC are something else.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_SPACES = {1: "DeviceGray", 3: "DeviceRGB", 4: "DeviceCMYK"}
# Exif orientation: how far the picture is to be turned clockwise. Mirrored ones do not come out of cameras.
_TURNS = {3: 180, 6: 90, 8: 270}
_ORIENTATION_TAG = 0x0112
_MAX_TAGS = 200

Read = Callable[[int, int], bytes]
"""Give that many octets from an offset, fewer at the end."""


class NoPictureError(Exception):
    """There is no picture that PDF can hold."""


@dataclass(frozen=True)
class Picture:
    """What is to be known of a picture; `inverted` is how Adobe's programs write CMYK."""

    width: int
    height: int
    components: int
    inverted: bool = False
    turn: int = 0


def look_at(read: Read) -> Picture:
    """Walk through the markers to the frame. Raises NoPictureError."""
    if read(0, 2) != _START_OF_IMAGE:
        raise NoPictureError
    at, adobe, turn = 2, False, 0
    for _ in range(MAX_MARKERS):
        head = read(at, 4)
        if len(head) < 4 or head[0] != 0xFF:
            raise NoPictureError
        if head[1] == 0xFF:  # fill
            at += 1
            continue
        if head[1] in _STANDALONE:
            at += 2
            continue
        if head[1] in (_START_OF_SCAN, _END_OF_IMAGE):
            raise NoPictureError
        length = int.from_bytes(head[2:], "big")
        if head[1] in _FRAMES:
            return _picture(read(at + 4, 6), adobe, turn)
        if head[1] == _APP14:
            adobe = adobe or read(at + 4, len(_ADOBE)) == _ADOBE
        elif head[1] == _APP1 and read(at + 4, len(_EXIF)) == _EXIF:
            turn = turn or _turn(read(at + 4 + len(_EXIF), max(0, length - 2 - len(_EXIF))))
        at += 2 + max(2, length)
    raise NoPictureError


def _picture(frame: bytes, adobe: bool, turn: int) -> Picture:
    if len(frame) < 6 or frame[0] != 8:
        raise NoPictureError
    height, width, components = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big"), frame[5]
    # A height of 0 is told behind the picture (DNL), which no program writes.
    if not width or not height or components not in _SPACES:
        raise NoPictureError
    return Picture(width, height, components, inverted=adobe and components == 4, turn=turn)


def _turn(tiff: bytes) -> int:
    """Find the orientation in the first directory of an Exif block (TIFF 6.0, section 2); 0 without one."""
    order = {b"II*\x00": "little", b"MM\x00*": "big"}.get(tiff[:4])
    if order is None:
        return 0

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if order == "little" else "big")

    directory = number(4, 4)
    for entry in range(min(number(directory, 2), _MAX_TAGS)):
        at = directory + 2 + 12 * entry
        if at + 12 <= len(tiff) and number(at, 2) == _ORIENTATION_TAG:
            return _TURNS.get(number(at + 8, 2), 0)
    return 0


def head_of(picture: Picture, length: int) -> bytes:
    """Write what stands before `length` octets of a picture: exactly HEAD_BYTES."""
    decode = b"/Decode[1 0 1 0 1 0 1 0]" if picture.inverted else b""
    text = b"%PDF-1.4\n1 0 obj\n<</Type/XObject/Subtype/Image/Filter/DCTDecode/BitsPerComponent 8"
    text += b"/Width %d/Height %d/ColorSpace/%b%b/Length %d" % (
        picture.width,
        picture.height,
        _SPACES[picture.components].encode("ascii"),
        decode,
        length,
    )
    end = b">>\nstream\n"
    return text + b" " * (HEAD_BYTES - len(text) - len(end)) + end


def tail_of(picture: Picture, length: int) -> bytes:
    """Write what stands behind: the page, and where everything is."""
    scale = min(1.0, MAX_POINTS / max(picture.width, picture.height))
    width, height = picture.width * scale, picture.height * scale
    draw = b"%.4f 0 0 %.4f 0 0 cm /P Do" % (width, height)
    objects = (
        b"2 0 obj\n<</Type/Catalog/Pages 3 0 R>>\nendobj\n",
        b"3 0 obj\n<</Type/Pages/Kids[4 0 R]/Count 1>>\nendobj\n",
        b"4 0 obj\n<</Type/Page/Parent 3 0 R/MediaBox[0 0 %.4f %.4f]/Rotate %d/Contents 5 0 R"
        b"/Resources<</XObject<</P 1 0 R>>>>>>\nendobj\n" % (width, height, picture.turn),
        b"5 0 obj\n<</Length %d>>\nstream\n%b\nendstream\nendobj\n" % (len(draw), draw),
    )
    out, offsets = b"\nendstream\nendobj\n", [9]
    for one in objects:
        offsets.append(HEAD_BYTES + length + len(out))
        out += one
    start = HEAD_BYTES + length + len(out)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"xref\n0 6\n0000000000 65535 f \n" + table
    return out + b"trailer\n<</Root 2 0 R/Size 6>>\nstartxref\n%d\n%%%%EOF\n" % start
