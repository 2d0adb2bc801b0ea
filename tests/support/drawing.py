"""Draws a PDF as the daemon does and throws the pages away: a program whose system calls can be traced."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from protocols.raster.headers import PWG_FORMAT, Space
from spoold.documents.plan import RenderPlan
from spoold.documents.rendering import Renderer, RenderingLimits

# Traced, everything takes several times as long.
PATIENT = RenderingLimits(start_timeout_s=120.0, page_timeout_s=120.0)


async def draw(document: bytes) -> int:
    """Draw on A4 in colour; returns the number of pages."""

    async def once() -> AsyncIterator[bytes]:
        yield document

    plan = RenderPlan(PWG_FORMAT, Space.SRGB, (150, 150), (21000, 29700))
    async with Renderer(PATIENT).render(plan, once()) as rendering:
        await rendering.prepared()
        async for _ in rendering.chunks():
            pass
        return rendering.pages


if __name__ == "__main__":
    print(trio.run(draw, Path(sys.argv[1]).read_bytes()))
