"""What is told about pictures that have been looked at: rows, a table of them, maps, AUROC."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from multigan.data.media import write_image
from multigan.errors import DataError
from multigan.metrics.auroc import auroc
from multigan.plugins.image.anomaly.detector import Detector
from multigan.plugins.image.anomaly.pictures import Candidate, side_by_side

Row = dict[str, Any]


def scored(
    candidates: Sequence[Candidate],
    detector: Detector,
    *,
    threshold: float | None,
    maps: Path | None,
    on_error: Callable[[DataError], None],
) -> list[Row]:
    """Score, verdict and path of every readable picture, the most unusual one first.

    Args:
        candidates: what to look at.
        detector: who looks.
        threshold: scores above it are unusual; None says of none whether it is.
        maps: folder for pictures beside their copies; it is made if need be.
        on_error: is told what cannot be read.

    Raises:
        DataError: two maps would have one name, or a map cannot be written.
    """
    taken: dict[str, str] = {}
    for candidate in candidates if maps else ():
        if candidate.name in taken:
            both = f"{taken[candidate.name]} and {candidate.path}"
            raise DataError(f"the maps of {both} would both be {candidate.name}.png")
        taken[candidate.name] = candidate.path
    rows = []
    for finding in detector.findings(candidates, on_error=on_error):
        if maps:
            target = maps / f"{finding.candidate.name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            write_image(side_by_side(finding.picture, finding.made), target)
        unusual = None if threshold is None else finding.score > threshold
        rows.append({"score": finding.score, "unusual": unusual, "path": finding.candidate.path})
    return sorted(rows, key=lambda row: -row["score"])


def found_apart(rows: Sequence[Row], normal: Mapping[str, bool]) -> dict[str, Any]:
    """AUROC of the scores, and the counts that belong to it.

    Args:
        rows: what `scored` returned.
        normal: whether the picture of a path is normal.

    Raises:
        DataError: of one kind no picture could be read.
    """
    kinds: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        kinds[normal[row["path"]]].append(row["score"])
    if not kinds[True] or not kinds[False]:
        raise DataError("--normal: of one kind no picture could be read")
    value = auroc(torch.tensor(kinds[True]), torch.tensor(kinds[False]))
    return {"value": value, "normal": len(kinds[True]), "others": len(kinds[False])}


def as_csv(rows: Sequence[Row]) -> bytes:
    """Score, unusual (yes, no, or nothing) and path, with a line of titles."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["score", "unusual", "path"])
    writer.writerows([f"{row['score']:.6g}", word(row["unusual"]), row["path"]] for row in rows)
    return text.getvalue().encode()


def word(unusual: bool | None) -> str:
    """Empty where the model does not know what is usual."""
    return "" if unusual is None else "yes" if unusual else "no"
