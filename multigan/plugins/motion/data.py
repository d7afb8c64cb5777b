"""Clips as windows of the same length, in memory: a set of motions is small.

Every action is seen equally often, however long its clips are. Element i of the set is always the
same window, so nothing is left to chance but the order.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.files import list_files
from multigan.errors import DataError, suggestion
from multigan.plugins.motion.files import SUFFIXES, is_clip, read_motion
from multigan.plugins.motion.frames import find_frame, resample
from multigan.plugins.motion.recipe import WALKER, MotionData
from multigan.plugins.motion.representation import Codec, make_codec, mirrored
from multigan.plugins.motion.scores import velocity_jumps
from multigan.plugins.motion.skeleton import Motion, check_alike
from multigan.plugins.motion.walker import walker_clip

_HELD_OUT = 5  # every so-manieth clip of an action
_NUMBERED = re.compile(r"\d+-(?P<action>.+)")


@dataclass(frozen=True, eq=False)
class Clips:
    """Motions that are ready to be learnt.

    Attributes:
        codec: of all of them.
        train: motions in metres, at one rate.
        held_out: others, for scores; empty if none are held out.
        actions: names in the order of their numbers; empty if clips have none.
    """

    codec: Codec
    train: tuple[Motion, ...]
    held_out: tuple[Motion, ...]
    actions: tuple[str, ...]


class Windows(Dataset[dict[str, Tensor]]):
    """All windows of some clips, also mirrored.

    Args:
        motions: as in `Clips`.
        codec: encodes them.
        actions: names of the labels.
        frames: of a window; shorter clips are left out.
        mirror: add what a mirror shows.

    Raises:
        DataError: no clip is long enough, or an action has none.
    """

    def __init__(
        self,
        motions: Sequence[Motion],
        codec: Codec,
        actions: Sequence[str],
        *,
        frames: int,
        mirror: bool,
    ) -> None:
        self.frames = frames
        rows: list[Tensor] = []
        starts: dict[int, list[int]] = defaultdict(list)
        begin = 0
        for motion in motions:
            x_TF = codec.encode(motion)
            label = actions.index(motion.action) if actions else 0
            for version in (x_TF, mirrored(x_TF, codec) if mirror else None):
                if version is not None and len(version) >= frames:
                    rows.append(version)
                    starts[label] += range(begin, begin + len(version) - frames + 1)
                    begin += len(version)
        wanted = range(len(actions) or 1)
        for label in wanted:
            if not starts[label]:
                longest = max((len(m) for m in motions if not actions or
                               m.action == actions[label]), default=0)  # fmt: skip
                name = f"'{actions[label]}'" if actions else "the source"
                raise DataError(
                    f"no clip of {name} has data.window={frames} frames (the longest has "
                    f"{longest}): set a shorter one, or choose others with data.classes"
                )
        self.rows_NF = torch.cat(rows)
        most = max(len(own) for own in starts.values())
        self.starts = torch.tensor([starts[k][i % len(starts[k])] for i in range(most)
                                    for k in wanted])  # fmt: skip
        self.labels = torch.arange(len(self.starts)) % len(wanted)

    def __len__(self) -> int:
        """Number of windows; those of rarer actions are counted several times."""
        return len(self.starts)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One window (T, F) and its label."""
        return {name: value[0] for name, value in self.batch(torch.tensor([index])).items()}

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        """Windows (B, T, F) and labels (B,)."""
        numbers = self.starts[indices][:, None] + torch.arange(self.frames)
        return {"motion": self.rows_NF[numbers], "label": self.labels[indices]}


def open_clips(config: MotionData) -> Clips:
    """Reads all clips of a source.

    Raises:
        DataError: there are none, one cannot be read (unless such are skipped), they are of
            different skeletons, or an action is unknown.
    """
    motions = _builtin(config) if config.source == WALKER else read_folder(config)
    check_alike(motions)
    first = motions[0].skeleton
    # Bones that differ a little from clip to clip are those of the first one.
    motions = [replace(motion, skeleton=first) for motion in motions]
    actions = tuple(sorted({motion.action for motion in motions} - {""}))
    if actions and any(not motion.action for motion in motions):
        unnamed = next(motion for motion in motions if not motion.action)
        raise DataError(f"{unnamed.source}: lies in no folder of an action, as others do")
    seen: dict[str, int] = defaultdict(int)
    parts: tuple[list[Motion], list[Motion]] = ([], [])
    for motion in motions:
        seen[motion.action] += 1
        held = config.hold_out and seen[motion.action] % _HELD_OUT == 0
        parts[held].append(motion)
    train, held_out = map(tuple, parts)
    return Clips(make_codec(train), train, held_out, actions)


def read_folder(config: MotionData) -> list[Motion]:
    """The clips of a folder in metres, y up, at one rate; arguments and errors as above."""
    if config.source.startswith("builtin:"):
        raise DataError(f"no '{config.source}' here; motions have {WALKER}")
    root = Path(config.source).expanduser()
    files = [root] if root.is_file() else list_files(root, suffixes=SUFFIXES, what="motion clips")
    motions = []
    names = set()
    for path in filter(is_clip, files):
        action = action_of(path, root)
        action = config.rename.get(action, action)
        names.add(action)
        if config.classes and action not in config.classes:
            continue
        try:
            motion = read_motion(path)
            frame = find_frame(motion, up=config.up, scale=config.scale)
            motion = resample(frame.enter(motion), fps=config.fps)
        except DataError as error:
            if config.on_error == "raise":
                raise DataError(
                    f"{error}; or leave such files out with data.on_error=skip"
                ) from error
            warnings.warn(f"left out: {error}", stacklevel=2)
            continue
        jumps = velocity_jumps(motion)
        if 0 < config.spike < float(max(jumps, default=0.0)):
            warnings.warn(
                f"left out: {path}: a joint leaps at frame {int(jumps.argmax()) + 1} (data.spike)",
                stacklevel=2,
            )
            continue
        motions.append(replace(motion, action=action))
    for name in config.classes:
        if name not in names:
            raise DataError(f"{root}: no clips of '{name}'{suggestion(name, names - {''})}")
    if not motions:
        raise DataError(f"{root}: no motion clip in it that can be read")
    return motions


def action_of(path: Path, root: Path) -> str:
    """The folder below the root, or what follows a number, as in ``03-walking.bvh``; or nothing."""
    if path.parent != root and root.is_dir():
        return path.relative_to(root).parts[0]
    found = _NUMBERED.fullmatch(path.stem)
    return found["action"] if found else ""


def _builtin(config: MotionData) -> list[Motion]:
    motions = [walker_clip(index) for index in range(config.builtin_size)]
    chosen = [m for m in motions if not config.classes or m.action in config.classes]
    if not chosen:
        hint = suggestion(config.classes[0], {motion.action for motion in motions})
        raise DataError(f"{WALKER} has no '{config.classes[0]}'{hint}")
    return [resample(find_frame(m).enter(m), fps=config.fps) for m in chosen]
