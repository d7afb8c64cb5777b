"""What a trained recogniser takes motions for.

Shape suffixes: N windows, K actions, E features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multigan.errors import CheckpointError, DataError
from multigan.inference.pipeline import Pipeline
from multigan.plugins.motion.files import read_motion
from multigan.plugins.motion.frames import find_frame, resample
from multigan.plugins.motion.representation import Codec
from multigan.plugins.motion.skeleton import Motion, same_skeleton

STRIDE = 8  # frames from one window to the next
CHUNK = 256  # windows at once


@dataclass(frozen=True, eq=False)
class Recognised:
    """Windows of motions, looked at.

    Attributes:
        labels: the likeliest action of each motion, all its windows together.
        probabilities: (N, K).
        features: (N, E).
        asked: (N,), the number of the action that the motion says to show; -1 if it says none.
    """

    labels: tuple[str, ...]
    probabilities: Tensor
    features: Tensor
    asked: Tensor


class RecogniserPipeline(Pipeline):
    """Names the actions of motions.

        judge = multigan.pipeline("motion-recogniser")
        judge(["walk.bvh"]).labels

    Args:
        components: holds the "recogniser".
        facts: "codec" and "actions".

    Raises:
        CheckpointError: the facts do not fit the network.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        network: Any = components.get("recogniser")
        actions = facts.get("actions")
        if network is None or not isinstance(actions, list) or not actions:
            raise CheckpointError("the model is damaged: no recogniser of motions, or no actions")
        self.network = network
        self.actions: tuple[str, ...] = tuple(map(str, actions))
        self.codec = Codec.of(facts["codec"])
        sizes = (network.classes, len(network.mean_C))
        if sizes != (len(actions), self.codec.seen_width):
            raise CheckpointError("the model is damaged: its facts do not fit its network")

    @torch.inference_mode()
    def __call__(self, motions: Sequence[Motion | str | Path]) -> Recognised:
        """Looks at motions, window by window.

        Args:
            motions: files, or motions in metres with y up.

        Raises:
            DataError: of another skeleton, shorter than a window, or unreadable.
        """
        windows, owners, asked = [], [], []
        for number, given in enumerate(motions):
            motion = given if isinstance(given, Motion) else self._read(Path(given))
            for window in self._windows(motion):
                windows.append(window)
                owners.append(number)
                known = motion.action in self.actions
                asked.append(self.actions.index(motion.action) if known else -1)
        if not windows:
            raise DataError("no motion to look at")
        features, logits = [], []
        for x_BTF in torch.stack(windows).split(CHUNK):
            seen_BTC, _ = self.codec.seen(x_BTF.to(self.device))
            features.append(self.network(self.network.normalised(seen_BTC)))
            logits.append(self.network.logits(features[-1]).cpu())
        features_NE = torch.cat([part.cpu() for part in features])
        probabilities_NK = torch.cat(logits).softmax(1)
        of = torch.tensor(owners)
        labels = tuple(
            self.actions[int(probabilities_NK[of == number].mean(0).argmax())]
            for number in range(len(motions))
        )
        return Recognised(labels, probabilities_NK, features_NE, torch.tensor(asked))

    def _read(self, path: Path) -> Motion:
        motion = read_motion(path)
        return find_frame(motion).enter(motion)

    def _windows(self, motion: Motion) -> list[Tensor]:
        why = same_skeleton(motion.skeleton, self.codec.skeleton)
        if why is not None:
            raise DataError(
                f"{motion.source or 'a motion'}: another skeleton than this recogniser knows: "
                f"{why}; train one of your own with 'multigan run motion-recogniser'"
            )
        x_TF = self.codec.encode(resample(motion, fps=self.codec.fps))
        frames = self.network.frames
        if len(x_TF) < frames:
            raise DataError(
                f"{motion.source or 'a motion'}: {len(x_TF)} frames, fewer than the {frames} that "
                "a recogniser looks at"
            )
        return [x_TF[i : i + frames] for i in range(0, len(x_TF) - frames + 1, STRIDE)]
