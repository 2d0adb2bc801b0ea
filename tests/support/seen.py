"""Looks at PDF documents as a printer does: Ghostscript, outside of all our parts, says what is on a page."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_COMMAND = ("gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE")


@dataclass(frozen=True)
class Picture:
    """One page in grey, 72 dots to the inch: 0 is black, 255 white."""

    width: int
    height: int
    dots: bytes

    def ink(self, top: float, bottom: float) -> int:
        """Count the dots that are not white between two parts of the height, 0 being the top edge."""
        first, last = round(top * self.height), round(bottom * self.height)
        return sum(dot < 200 for dot in self.dots[first * self.width : last * self.width])


def words_of(document: bytes, folder: Path) -> list[str]:
    """Return the words of every page, with single spaces."""
    source = folder / "seen.pdf"
    source.write_bytes(document)
    _run(source, "-sDEVICE=txtwrite", "-o", str(folder / "seen-%d.txt"))
    found = sorted(folder.glob("seen-*.txt"), key=lambda path: int(path.stem.rpartition("-")[2]))
    texts = [" ".join(path.read_text().split()) for path in found]
    for path in found:
        path.unlink()
    return texts


def pictures_of(document: bytes, folder: Path, *options: str) -> list[Picture]:
    """Return what every page looks like."""
    source = folder / "seen.pdf"
    source.write_bytes(document)
    _run(source, "-sDEVICE=pgmraw", "-r72", *options, "-o", str(folder / "seen-%d.pgm"))
    found = sorted(folder.glob("seen-*.pgm"), key=lambda path: int(path.stem.rpartition("-")[2]))
    pages = [_picture(path.read_bytes()) for path in found]
    for path in found:
        path.unlink()
    return pages


def _run(source: Path, *options: str) -> None:
    subprocess.run([*_COMMAND, *options, str(source)], check=True, capture_output=True, timeout=60)


def _picture(octets: bytes) -> Picture:
    """Read a PGM file (pgm(5)): magic, a remark, width and height, the largest value, then the dots."""
    lines = octets.split(b"\n", 4)
    width, height = map(int, lines[2].split())
    return Picture(width, height, lines[4])
