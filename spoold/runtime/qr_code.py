"""QR codes of addresses; segno is imported when one is drawn, and not before."""

import io

# Modules around the code that stay white (ISO/IEC 18004 6.3.8).
_BORDER = 4
# A quarter of the code may be scratched or dirty: it hangs beside a printer for years.
_ERROR_LEVEL = "q"


def as_svg(address: str) -> str:
    """Return the code as an <svg> element of its own size, without a style."""
    drawn = io.BytesIO()
    _code(address).save(
        drawn, kind="svg", border=_BORDER, xmldecl=False, svgns=True, omitsize=True, light="#fff", nl=False
    )
    return drawn.getvalue().decode("utf-8")


def as_png(address: str, *, pixels_each: int = 12) -> bytes:
    """Return the code as a PNG file with modules of so many pixels."""
    drawn = io.BytesIO()
    _code(address).save(drawn, kind="png", border=_BORDER, scale=pixels_each)
    return drawn.getvalue()


def as_text(address: str) -> str:
    """Return the code in block characters, for a terminal."""
    drawn = io.StringIO()
    _code(address).terminal(drawn, border=2, compact=True)
    return drawn.getvalue()


def _code(address: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - segno has no types
    import segno  # noqa: PLC0415 - only where a code is drawn

    return segno.make(address, error=_ERROR_LEVEL, micro=False)
