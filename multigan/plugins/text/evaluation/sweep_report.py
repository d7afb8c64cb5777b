"""A temperature sweep as an exhibit of the report: verdict, table and picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from multigan.plugins.text.evaluation.sweep import (
    LOWER_IS_BETTER,
    REAL_TEST,
    REAL_TRAIN,
    Row,
    group,
    matched,
    mean_and_spread,
)

TITLE = "Quality against diversity"
READING = (
    "Mean ± standard deviation over seeds. A lower temperature trades diversity for quality: "
    "compare curves, not points. BLEU is Texygen's (nltk method1, mean of sentences, all "
    "references); lm is the NLL in nats a token of the samples under a 4-gram model of the "
    "references, reverse-lm that of the references under a model of the samples."
)


@dataclass(frozen=True)
class Pair:
    """A score of quality over one of diversity, as one panel of the picture.

    Attributes:
        quality: name of the score.
        diversity: name of the score.
        up: what the vertical axis says.
        across: what the horizontal one says; low is varied.
    """

    quality: str
    diversity: str
    up: str
    across: str


PAIRS = (
    Pair("bleu-4", "self-bleu-4", "BLEU-4 (up: better)", "self-BLEU-4 (left: more varied)"),
    Pair(
        "lm",
        "reverse-lm",
        "LM score, nats a token (down: better)",
        "reverse LM score, nats a token (left: more varied)",
    ),
)
ORACLE_PAIRS = (
    Pair(
        "nll-oracle",
        "nll-test",
        "NLL of samples under the oracle (down: better)",
        "NLL of held-out sentences under the model (left: more varied)",
    ),
)
COLOURS = ("#dc2626", "#2563eb", "#059669", "#d97706", "#7c3aed", "#0891b2")
WIDTH, HEIGHT, DPI = 5.0, 4.8, 150  # inches a panel; 750 x 720 pixels
RING: dict[str, Any] = {"marker": "o", "ms": 11, "mfc": "none", "mew": 1.8, "ls": ""}


def write_sweep(
    rows: Sequence[Row],
    folder: Path,
    *,
    compare: tuple[str, str] | None = None,
    pairs: Sequence[Pair] = PAIRS,
    reading: str = READING,
) -> list[Path]:
    """Writes ``sweep.json``, as the report wants its exhibits, and the picture ``sweep.png``.

    The JSON holds every single row under "measurements", beside the table of means.

    Args:
        rows: from `multigan.plugins.text.evaluation.sweep.sweep`.
        folder: of the exhibits; it is made if need be.
        compare: a model and its baseline, for the verdict in the text.
        pairs: what is drawn and judged.
        reading: what the numbers are, for the text.

    Returns:
        The paths of both.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.scores))
    table = []
    for (model, temperature), members in group(rows).items():
        first = members[0]
        facts = ["" if temperature is None else temperature, len(members), first.num_samples]
        cells = [
            _cell([row.scores[name] for row in members if name in row.scores]) for name in names
        ]
        table.append([model, *facts, first.num_references, *cells])
    exhibit = {
        "title": TITLE,
        "text": " ".join([*(_verdicts(rows, *compare, pairs) if compare else []), reading]),
        "columns": ["model", "temperature", "seeds", "samples", "references", *names],
        "rows": table,
        "plot": "sweep.png",
        "measurements": [asdict(row) for row in rows],
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "sweep.json", folder / "sweep.png"]
    _draw(rows, paths[1], pairs)
    paths[0].write_text(json.dumps(exhibit, indent=1), encoding="utf-8")
    return paths


def _cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    mean, spread = mean_and_spread(values)
    return f"{mean:.4f} ± {spread:.4f}"


def _verdicts(rows: Sequence[Row], model: str, baseline: str, pairs: Sequence[Pair]) -> list[str]:
    """A sentence for each pair of quality and diversity."""
    sentences = []
    for pair in pairs:
        quality, diversity = pair.quality, pair.diversity
        found = matched(rows, quality=quality, diversity=diversity, model=model, baseline=baseline)
        if found is None:
            sentences.append(
                f"No verdict on {quality}: {baseline} reaches the {diversity} that {model} has at "
                "temperature 1 at none of its temperatures."
            )
            continue
        better = (found.difference > 0) != (quality in LOWER_IS_BETTER)
        verdict = "better" if better else "worse"
        if found.num_seeds == 1:
            verdict = "which one seed cannot decide"
        elif abs(found.difference) <= found.spread:
            verdict = "no clear difference"
        sentences.append(
            f"The {quality} of {model} at temperature 1, minus that of {baseline} at equal "
            f"{diversity}: {found.difference:+.4f} ± {found.spread:.4f} over "
            f"{found.num_seeds} seeds, {verdict}."
        )
    return sentences


def _draw(rows: Sequence[Row], path: Path, pairs: Sequence[Pair]) -> None:
    """A panel for each pair, quality over diversity."""
    from matplotlib.figure import Figure  # takes half a second

    # The object interface: pyplot would keep global state and choose a window system.
    figure = Figure(figsize=(WIDTH * len(pairs), HEIGHT), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(pairs), squeeze=False)[0]
    for axes, pair in zip(panels, pairs, strict=True):
        _panel(axes, rows, pair)
    first, diversity = panels[0], pairs[0].diversity
    held_out = [row.scores[diversity] for row in rows if row.model == REAL_TEST]
    if held_out:
        mean, _ = mean_and_spread(held_out)
        first.axvline(mean, color="#6b7280", ls=":", lw=1, label=f"{diversity} of held-out text")
    first.plot([], [], **RING, mec="#6b7280", label="temperature 1")
    shown = first.get_legend_handles_labels()
    columns = 3 if len(pairs) == 1 else 5
    figure.legend(*shown, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    figure.savefig(path)


def _panel(axes: Any, rows: Sequence[Row], pair: Pair) -> None:
    """One line for each model through its temperatures, and a star for real text."""
    across, up = pair.diversity, pair.quality
    good_corner = "bottom" if up in LOWER_IS_BETTER else "top"
    lines: dict[str, list[tuple[float, list[Row]]]] = {}
    for (model, temperature), members in group(rows).items():
        if model == REAL_TRAIN:
            x, dx, y, dy = _point(members, across, up)
            axes.errorbar(x, y, dy, dx, fmt="*", color="black", ms=13, label=model, zorder=5)
        elif temperature is not None:
            lines.setdefault(model, []).append((temperature, members))
    for number, (model, stops) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        stops.sort(key=lambda stop: stop[0])
        points = [_point(members, across, up) for _, members in stops]
        xs, dxs, ys, dys = zip(*points, strict=True)
        axes.errorbar(xs, ys, dys, dxs, fmt="o-", color=colour, ms=4, elinewidth=1, label=model)
        for (temperature, _), x, y in zip(stops, xs, ys, strict=True):
            if temperature == 1:
                axes.plot(x, y, **RING, mec=colour)
            note = {"textcoords": "offset points", "fontsize": 7, "color": colour}
            axes.annotate(f"{temperature:g}", (x, y), (6, -9), **note)
    axes.text(
        *(0.03, 0.97 if good_corner == "top" else 0.03), "good and varied", va=good_corner,
        transform=axes.transAxes, fontsize=9, style="italic", color="#6b7280",
    )  # fmt: skip
    axes.set(xlabel=pair.across, ylabel=pair.up)
    axes.margins(0.1)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _point(members: Sequence[Row], across: str, up: str) -> tuple[float, float, float, float]:
    """x, its spread, y, its spread."""
    return (
        *mean_and_spread([row.scores[across] for row in members]),
        *mean_and_spread([row.scores[up] for row in members]),
    )
