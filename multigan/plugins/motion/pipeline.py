"""Motions from a trained generator: from noise, by action, of any length, or after given poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multigan.data.film import write_film
from multigan.data.frames import FILMS
from multigan.errors import CheckpointError, DataError, PluginError, suggestion
from multigan.inference.pipeline import Pipeline
from multigan.plugins.motion.drawing import draw_film, side_by_side, write_sheet
from multigan.plugins.motion.files import read_motion
from multigan.plugins.motion.files.bvh import write_bvh
from multigan.plugins.motion.frames import Frame, find_frame, resample
from multigan.plugins.motion.networks.parts import MotionGenerator
from multigan.plugins.motion.planting import planted
from multigan.plugins.motion.representation import Codec
from multigan.plugins.motion.skeleton import Motion, same_skeleton

LENGTH = 120  # frames, unless asked otherwise
LONGEST = 100_000
ABREAST = 8  # motions on one film

Action = str | int


@dataclass(frozen=True)
class MotionOutput:
    """Generated motions, in metres with y up and the floor at 0.

    Attributes:
        motions: each with its skeleton; `Motion.positions` has the joints.
        actions: the action of each one; empty for a model without.
        seam: number of the first generated frame; 0 if nothing was given.
    """

    motions: list[Motion]
    actions: tuple[str, ...] = ()
    seam: int = 0


class MotionPipeline(Pipeline):
    """Motions from noise, and after given ones.

        pipe = multigan.pipeline("motion", style="locomotion")
        pipe(4, length=200, actions="walking").motions[0].positions()
        pipe.follow("clip.bvh", length=120).motions

    Args:
        components: holds the "generator".
        facts: "actions", names in the order of their numbers, and "codec".

    Raises:
        CheckpointError: the facts do not fit the generator.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        generator, actions = components.get("generator"), facts.get("actions")
        if not isinstance(generator, MotionGenerator) or not isinstance(actions, list):
            raise CheckpointError("the model is damaged: no generator of motions, or no actions")
        self.generator = generator
        self.actions: tuple[str, ...] = tuple(map(str, actions))
        self.codec = Codec.of(facts["codec"])
        if generator.features != self.codec.width or generator.classes != len(actions):
            raise CheckpointError("the model is damaged: its facts do not fit its generator")

    def __call__(
        self,
        count: int = 1,
        *,
        seed: int = 0,
        length: int = LENGTH,
        actions: Action | Sequence[Action] | None = None,
        plant: bool = True,
    ) -> MotionOutput:
        """Generates motions.

        Args:
            count: how many.
            seed: the same seed gives the same motions.
            length: frames of each.
            actions: one by name or number, or one for each motion; None takes all in turn.
            plant: keep standing feet still by moving the root, see `planting`.

        Raises:
            PluginError: an argument is out of range, or the model has no such action.
        """
        if count < 1:
            raise PluginError(f"count={count}: ask for one motion at least")
        labels_B = self._numbers(actions, count)
        x_BTF = self._generate(count, length, labels_B, None, seed)
        names = self._names(labels_B)
        made = []
        for x_TF, name in zip(x_BTF, names or [""] * count, strict=True):
            motion = self.codec.motion(x_TF, action=name)
            made.append(planted(motion, self.codec.contacts(x_TF)) if plant else motion)
        return MotionOutput(made, names)

    def follow(
        self,
        clip: Motion | str | Path,
        count: int = 1,
        *,
        seed: int = 0,
        length: int = LENGTH,
        action: Action | None = None,
        cut: int | None = None,
        plant: bool = True,
    ) -> MotionOutput:
        """Goes on from the last poses of a clip.

        Args:
            clip: a file, or a motion; of the model's skeleton.
            count: different ways to go on.
            seed: as above.
            length: frames to generate.
            action: what to do; None takes the clip's own where the model knows it, else the first.
            cut: go on after so many frames of the clip; None after all.
            plant: as above, of what is generated.

        Returns:
            The clip with what follows, in the clip's own units and axes, at the model's rate.

        Raises:
            PluginError: an argument is out of range, or the model has no such action.
            DataError: the clip is unreadable, too short, or of another skeleton.
        """
        motion = clip if isinstance(clip, Motion) else read_motion(Path(clip))
        given, frame = self._fitting(motion)
        if cut is not None:
            given = given.cut(slice(0, cut))
        past = self.generator.past
        if len(given) < past:
            raise DataError(
                f"{motion.source or 'the clip'}: {len(given)} frames at {self.codec.fps:g} a "
                f"second; this model goes on from {past}"
            )
        if action is None and self.actions:
            action = motion.action if motion.action in self.actions else 0
        labels_B = self._numbers(action, count)
        given_TF = self.codec.encode(given)
        x_BTF = self._generate(
            count, length, labels_B, given_TF[-past:].expand(count, -1, -1), seed
        )
        start = self.codec.end(given)
        whole = []
        for x_TF in x_BTF:
            later = self.codec.motion(x_TF, start=start)
            joined = replace(
                given,
                rotations=torch.cat([given.rotations, later.rotations]),
                root=torch.cat([given.root, later.root]),
            )
            if plant:
                contacts_TN = self.codec.contacts(torch.cat([given_TF, x_TF]))
                joined = planted(joined, contacts_TN, before=len(given))
            whole.append(frame.leave(joined))
        return MotionOutput(whole, self._names(labels_B), seam=len(given))

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        length: int = LENGTH,
        action: str | None = None,
        plant: bool = True,
    ) -> MotionOutput:
        """What ``multigan sample`` calls."""
        return self(count, seed=seed, length=length, actions=action, plant=plant)

    def save_samples(self, result: MotionOutput, path: Path) -> list[Path]:
        """Writes motions.

        A folder gets a .bvh file for each, ``motions.mp4`` with the first eight side by side, and
        ``motions.png``, some moments of them. A file gets the kind that its suffix says: .bvh for
        one motion, a film or a picture for several.

        Raises:
            DataError: another suffix, or several motions for one .bvh.
        """
        suffix = path.suffix.lower()
        shown = result.motions[:ABREAST]
        if suffix and not path.is_dir():
            if suffix == ".bvh":
                if len(result.motions) > 1:
                    raise DataError(f"{path}: holds one motion, not {len(result.motions)}; name a "
                                    "folder, or ask for one with -n 1")  # fmt: skip
                return [write_bvh(result.motions[0], path)]
            if suffix == ".png":
                return [write_sheet(shown, path)]
            if suffix in FILMS:
                return [write_motion_film(shown, path)]
            raise DataError(f"{path}: use .bvh, .png or a film: {' '.join(FILMS)}")
        path.mkdir(parents=True, exist_ok=True)
        digits = len(str(len(result.motions) - 1))
        written = []
        for number, motion in enumerate(result.motions):
            action = f"-{result.actions[number]}" if result.actions else ""
            name = f"{number:0{digits}}{action}.bvh".replace("/", "_")
            written.append(write_bvh(motion, path / name))
        written.append(write_motion_film(shown, path / "motions.mp4"))
        return [*written, write_sheet(shown, path / "motions.png")]

    def _fitting(self, motion: Motion) -> tuple[Motion, Frame]:
        """A clip on the model's skeleton, in metres and at its rate; and the way back."""
        name = motion.source or "the clip"
        why = same_skeleton(motion.skeleton, self.codec.skeleton)
        if why is not None:
            raise DataError(f"{name}: another skeleton than this model's: {why}")
        frame = find_frame(motion)
        return resample(frame.enter(motion), fps=self.codec.fps), frame

    @torch.inference_mode()
    def _generate(
        self, count: int, length: int, labels_B: Tensor | None, given: Tensor | None, seed: int
    ) -> Tensor:
        if not 1 <= length <= LONGEST:
            raise PluginError(f"length={length}: ask for 1 to {LONGEST} frames")
        network = self.generator
        made = []
        for number in range(count):
            # One generator for each motion: the first ones of more are the same.
            random = torch.Generator().manual_seed((seed << 20) + number)
            latents_BZ = torch.randn(1, network.latents, generator=random)
            rows = torch.randn(1, network.noise_steps(length), network.noise, generator=random)
            label = None if labels_B is None else labels_B[number : number + 1].to(self.device)
            some = None if given is None else given[number : number + 1].to(self.device)
            x = network(
                latents_BZ.to(self.device), rows.to(self.device), label, some, frames=length
            )
            made.append(x.float().cpu())
        return torch.cat(made)

    def _names(self, labels_B: Tensor | None) -> tuple[str, ...]:
        return () if labels_B is None else tuple(self.actions[int(k)] for k in labels_B)

    def _numbers(self, given: Action | Sequence[Action] | None, count: int) -> Tensor | None:
        if not self.actions:
            if given is not None:
                raise PluginError("this model was trained without actions; leave the action out")
            return None
        if given is None:
            return torch.arange(count) % len(self.actions)
        each = [given] * count if isinstance(given, str | int) else list(given)
        if len(each) != count:
            raise PluginError(f"{len(each)} actions for {count} motions; give one for each")
        return torch.tensor([self._number(action) for action in each])

    def _number(self, action: Action) -> int:
        if isinstance(action, int) and 0 <= action < len(self.actions):
            return action
        if str(action) not in self.actions:
            hint = suggestion(str(action), self.actions)
            raise PluginError(f"this model has no action '{action}'{hint}")
        return self.actions.index(str(action))


def write_motion_film(motions: Sequence[Motion], path: Path) -> Path:
    """Writes motions side by side as a film; those that end sooner stand still."""
    longest = max(len(motion) for motion in motions)
    films = []
    for motion in motions:
        frame = find_frame(motion)
        pictures = draw_film(frame.enter(motion))
        films.append(pictures + [pictures[-1]] * (longest - len(pictures)))
    return write_film(side_by_side(films), path, rate=round(motions[0].fps))
