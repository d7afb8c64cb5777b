"""``report.html``: a run on one page that needs no network and no other file.

Scores over time, losses, samples from the first to the last, the recipe and the provenance; curves
are inline SVG; pictures, films and sounds are embedded. A method may add exhibits,
``exhibits/NAME.json``:

    {"title": "...", "text": "...", "columns": ["..."], "rows": [["...", 0.5]], "plot": "NAME.png",
     "files": {"NAME.wav": "its caption"}}
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from multigan.data.files import natural_key
from multigan.errors import CheckpointError
from multigan.training.tracking import read_metrics

Curve = list[tuple[float, float]]

SHOWN_SAMPLES = 6
SHOWN_LINES = 10
_IMAGE = '<img alt="{{alt}}" src="data:image/{kind};base64,{{data}}">'
PLAYERS = {
    ".png": _IMAGE.format(kind="png"),
    ".gif": _IMAGE.format(kind="gif"),
    ".webp": _IMAGE.format(kind="webp"),
    ".wav": '<audio controls title="{alt}" src="data:audio/wav;base64,{data}"></audio>',
    ".mp4": '<video controls title="{alt}" src="data:video/mp4;base64,{data}"></video>',
}
WIDTH, HEIGHT, MARGIN = 420, 200, 44
COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2")

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2937; max-width: 960px; margin: 2em auto;
  padding: 0 1em; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2em; border-bottom: 1px solid #e5e7eb; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .2em .8em; text-align: right; }
th:first-child, td:first-child { text-align: left; } tr:nth-child(even) { background: #f3f4f6; }
pre { background: #f3f4f6; padding: 1em; overflow: auto; white-space: pre-wrap; }
figure { display: inline-block; margin: .5em; } figcaption { font-size: 13px; color: #6b7280; }
img { max-width: 100%; image-rendering: auto; }
"""


def write_report(folder: Path) -> Path:
    """Writes ``report.html`` into a run folder.

    Returns:
        Its path.

    Raises:
        CheckpointError: The folder is not a run.
    """
    if not (folder / "recipe.yaml").is_file():
        raise CheckpointError(f"{folder} is not a run folder: it has no recipe.yaml")
    entries = read_metrics(folder / "metrics.jsonl")
    evaluations = [entry for entry in entries if entry.get("kind") == "evaluate"]
    losses = [entry for entry in entries if entry.get("kind") == "train"]
    stages = _stage_starts(losses)
    parts = [
        f"<h1>{escape(folder.resolve().name)}</h1>",
        "<h2>Scores</h2>" + (_score_table(evaluations) if evaluations else "<p>None measured.</p>"),
        _figures(_curves(evaluations), stages),
        *(_exhibit(path) for path in sorted((folder / "exhibits").glob("*.json"))),
        "<h2>Samples</h2>" + _samples(folder / "samples"),
        "<h2>Losses</h2>" + _figures(_loss_curves(losses), stages),
        "<h2>Recipe</h2>" + _text(folder / "recipe.yaml"),
        "<h2>Provenance</h2>" + _text(folder / "provenance.json"),
    ]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(folder.resolve().name)}</title><style>{STYLE}</style></head><body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _exhibit(path: Path) -> str:
    """Heading, text, picture and table."""
    shown = json.loads(path.read_text(encoding="utf-8"))
    files = [(shown["plot"], shown["title"])] if "plot" in shown else []
    files += [(name, caption) for name, caption in shown.get("files", {}).items()]
    media = "".join(_medium(path.parent / name, caption) for name, caption in files)
    head = "".join(f"<th>{escape(name)}</th>" for name in shown["columns"])
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row) + "</tr>"
        for row in shown["rows"]
    )
    return (
        f"<h2>{escape(shown['title'])}</h2><p>{escape(shown['text'])}</p>{media}"
        f"<table><tr>{head}</tr>{rows}</table>"
    )


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _values(entry: Mapping[str, Any]) -> dict[str, float]:
    return {
        key: float(value)
        for key, value in entry.items()
        if key not in ("kind", "step", "stage") and isinstance(value, int | float)
    }


def _score_table(evaluations: Sequence[Mapping[str, Any]]) -> str:
    """One row for each evaluation: a GAN's scores stand below those of its pretraining."""
    names = list(dict.fromkeys(name for entry in evaluations for name in _values(entry)))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for entry in evaluations:
        values = _values(entry)
        cells = "".join(
            f"<td>{values[name]:.4g}</td>" if name in values else "<td></td>" for name in names
        )
        stage = escape(str(entry.get("stage", "")))
        rows.append(f"<tr><td>{stage}</td><td>{entry['step']}</td>{cells}</tr>")
    return f"<table><tr><th>stage</th><th>step</th>{head}</tr>{''.join(rows)}</table>"


def _curves(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Curve]]:
    """One chart for each score."""
    charts: dict[str, dict[str, Curve]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        for name, value in _values(entry).items():
            charts[name][name].append((entry["step"], value))
    return charts


def _loss_curves(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Curve]]:
    """One chart for each phase, with its terms together; gradient norms have a chart of theirs."""
    charts: dict[str, dict[str, Curve]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        for name, value in _values(entry).items():
            phase, _, term = name.rpartition("/")
            chart = "gradient norms" if term == "gradient-norm" else phase
            charts[chart][phase if term == "gradient-norm" else term].append((entry["step"], value))
    return charts


def _stage_starts(entries: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """(last step of the stage before, name) for each stage but the first."""
    starts = []
    for before, entry in itertools.pairwise(entries):
        if before.get("stage") != entry.get("stage"):
            starts.append((int(before["step"]), str(entry.get("stage"))))
    return starts


def _figures(charts: Mapping[str, Mapping[str, Curve]], stages: Sequence[tuple[int, str]]) -> str:
    return "".join(
        f"<figure>{_svg(curves, stages)}<figcaption>{escape(title)}</figcaption></figure>"
        for title, curves in charts.items()
    )


def _svg(curves: Mapping[str, Curve], stages: Sequence[tuple[int, str]]) -> str:
    """A line chart; a value that is no finite number leaves a gap."""
    points = [p for curve in curves.values() for p in curve if abs(p[1]) < float("inf")]
    if not points:
        return "<p>no finite values</p>"
    left, right = min(p[0] for p in points), max(p[0] for p in points)
    low, high = min(p[1] for p in points), max(p[1] for p in points)
    across, up = (right - left) or 1.0, (high - low) or 1.0

    def x(step: float) -> float:
        return MARGIN + (step - left) / across * (WIDTH - MARGIN - 8)

    def y(value: float) -> float:
        return HEIGHT - 22 - (value - low) / up * (HEIGHT - 34)

    shapes = []
    for step, name in stages:
        if left < step < right:
            shapes.append(
                f'<line x1="{x(step):.1f}" y1="8" x2="{x(step):.1f}" y2="{HEIGHT - 22}" '
                f'stroke="#d1d5db" stroke-dasharray="3"><title>{escape(name)}</title></line>'
            )
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        finite = [p for p in curve if abs(p[1]) < float("inf")]
        line = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in finite)
        shapes.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        shapes += [
            f'<circle cx="{x(step):.1f}" cy="{y(value):.1f}" r="2" fill="{colour}">'
            f"<title>step {step:g}: {value:.4g}</title></circle>"
            for step, value in finite
            if len(finite) <= 40
        ]
        if len(curves) > 1:
            shapes.append(
                f'<text x="{WIDTH - 8}" y="{18 + 13 * number}" fill="{colour}" '
                f'text-anchor="end" font-size="11">{escape(name)}</text>'
            )
    labels = (
        (MARGIN - 4, HEIGHT - 22, "end", f"{low:.3g}"),
        (MARGIN - 4, 16, "end", f"{high:.3g}"),
        (MARGIN, HEIGHT - 6, "start", f"{left:g}"),
        (WIDTH - 8, HEIGHT - 6, "end", f"step {right:g}"),
    )
    shapes += [
        f'<text x="{a}" y="{b}" text-anchor="{anchor}" font-size="11" fill="#6b7280">{text}</text>'
        for a, b, anchor, text in labels
    ]
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img">{"".join(shapes)}</svg>'
    )


def _samples(folder: Path) -> str:
    """Samples of steps spread evenly over the run."""
    steps: dict[int, list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("step-*"), key=lambda path: natural_key(path.name)):
        steps[int(re.sub(r"step-(\d+).*", r"\1", path.name))].append(path)
    numbers = sorted(steps)
    last = max(len(numbers) - 1, 1)
    chosen = sorted({round(i * last / (SHOWN_SAMPLES - 1)) for i in range(SHOWN_SAMPLES)})
    parts = []
    for step in (numbers[i] for i in chosen if i < len(numbers)):
        parts.append(f"<h3>step {step}</h3>")
        parts += [_medium(path, path.stem) for path in steps[step]]
    return "".join(parts) or "<p>None yet.</p>"


def _medium(path: Path, caption: str) -> str:
    """A text, picture, film or sound, embedded; anything else is only named."""
    suffix = path.suffix.lower()
    if suffix == ".txt":
        lines = path.read_text(encoding="utf-8").splitlines()[:SHOWN_LINES]
        return f"<pre>{escape(chr(10).join(lines))}</pre>"
    if suffix not in PLAYERS:
        return f"<p>{escape(path.name)}</p>"
    data = base64.b64encode(path.read_bytes()).decode()
    player = PLAYERS[suffix].format(alt=escape(caption), data=data)
    return f"<figure>{player}<figcaption>{escape(caption)}</figcaption></figure>"


def _text(path: Path) -> str:
    if not path.is_file():
        return "<p>Missing.</p>"
    return f"<pre>{escape(path.read_text(encoding='utf-8', errors='replace'))}</pre>"
