"""Numbers to tables: medians with their extremes, and ratios of rounds that were run side by side."""

import statistics
from collections.abc import Mapping, Sequence

from bench.measures import Row

# Numbers by row, server and round.
Results = Mapping[str, Mapping[str, Sequence[float]]]


def ratios(numerator: Sequence[float], denominator: Sequence[float]) -> list[float]:
    """Return the ratio of each round; rounds in which the second measured nothing are left out."""
    return [one / other for one, other in zip(numerator, denominator, strict=True) if other]


def table(rows: Sequence[Row], results: Results, servers: Sequence[str]) -> str:
    """Return the whole table as Markdown, the first server divided by each of the others."""
    first, *others = servers
    head = ["", *servers, *(f"{first} / {other}" for other in others)]
    lines = [head, ["---", *("---:" for _ in head[1:])]]
    for row in rows:
        found = results[row.name]
        cells = [_with_extremes(found[server]) if server in found else "" for server in servers]
        for other in others:
            pairs = ratios(found[first], found[other]) if other in found else []
            cells.append(_ratio(pairs, row) if pairs else "")
        lines.append([f"{row.name} ({row.unit}{', less is better' if row.lower else ''})", *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _with_extremes(values: Sequence[float]) -> str:
    middle, least, most = (_short(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({least} to {most})"


def _ratio(pairs: Sequence[float], row: Row) -> str:
    middle = statistics.median(pairs)
    better = middle < 1 if row.lower else middle > 1
    text = f"{middle:.2f} ({min(pairs):.2f} to {max(pairs):.2f})"
    return f"**{text}**" if better else text


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
