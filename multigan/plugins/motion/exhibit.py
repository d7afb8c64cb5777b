"""For the report: each action as it was recorded and as it is generated, one below the other."""

from __future__ import annotations

import json
from pathlib import Path

from multigan.inference.pipeline import pipeline
from multigan.plugins.motion.data import Clips
from multigan.plugins.motion.drawing import write_sheet
from multigan.plugins.motion.evaluation import score_bodies
from multigan.plugins.motion.pipeline import MotionPipeline, write_motion_film
from multigan.plugins.motion.scores import usual_jump

LENGTH = 90
SHOWN = 4  # actions
COUNTED = 24  # generated motions of each action that are scored


def write_exhibit(run: Path, clips: Clips) -> None:
    """Writes ``exhibits/motions.json``, its picture and its film.

    Args:
        run: a run folder with a model.
        clips: that it was trained on.
    """
    pipe = pipeline(run)
    assert isinstance(pipe, MotionPipeline)
    sheet, film, rows = [], [], []
    for action in clips.actions[:SHOWN] or ("",):
        real = [motion for motion in clips.train if motion.action == action]
        made = pipe(COUNTED, length=LENGTH, actions=action or None).motions
        sheet += [real[0].cut(slice(0, LENGTH)), *made[:2]]
        film += made[:2]
        scores = score_bodies(made, real)
        rows.append(
            [action or "all", scores["skating"], scores["skating-real"], usual_jump(made),
             usual_jump(real)]
        )  # fmt: skip
    folder = run / "exhibits"
    folder.mkdir(exist_ok=True)
    write_sheet(sheet, folder / "motions.png")
    write_motion_film(film, folder / "motions.mp4")
    shown = {
        "title": "Real and generated motions",
        "text": f"Of each action a training clip, then two motions from noise ({LENGTH} frames, "
        "nothing chosen). Skating: speed of low feet; jump: 99th percentile of the largest change "
        "of a joint's velocity between frames; both in metres a second.",
        "columns": ["action", "skating", "real", "jump", "real"],
        "rows": rows,
        "plot": "motions.png",
        "files": {"motions.mp4": "from noise, each action twice"},
    }
    (folder / "motions.json").write_text(json.dumps(shown, indent=1), encoding="utf-8")
