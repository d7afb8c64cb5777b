"""The classifier whose features and verdicts sounds are scored with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from multigan.errors import PluginError
from multigan.inference.pipeline import pipeline
from multigan.plugins.audio.classifier.pipeline import ClassifierPipeline

SHIPPED = "-classifier"  # "spoken-digits" means the model spoken-digits-classifier


class Judge:
    """A classifier of sounds with a name for the scores that it gives.

    Args:
        pipe: the classifier.
        name: as in frechet-NAME.

    Attributes:
        protocol: what is done to a sound before it is heard, and the hash of the weights.
    """

    def __init__(self, pipe: ClassifierPipeline, name: str) -> None:
        self.pipe, self.name = pipe, name
        digest = hashlib.sha256()
        for value in pipe.classifier.state_dict().values():
            digest.update(value.float().cpu().contiguous().numpy().tobytes())
        trimmed = ", without the silence around it" if pipe.trim else ""
        self.protocol = (
            f"{pipe.length} samples at {pipe.rate} Hz{trimmed}, "
            f"{pipe.classifier.head.in_features} features, weights {digest.hexdigest()[:8]}"
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """What it tells apart."""
        return self.pipe.classes


def open_judge(name: str, *, device: str | None = None) -> Judge:
    """Opens a classifier by the short name of a shipped one, or as a run, folder or hub id.

    Raises:
        CheckpointError: there is no such model.
        PluginError: it is a model of another kind.
    """
    from multigan import registry

    shipped = registry.shipped_models("audio")
    source = f"{name}{SHIPPED}" if f"{name}{SHIPPED}" in shipped else name
    pipe = pipeline(source, device=device)
    if not isinstance(pipe, ClassifierPipeline):
        raise PluginError(f"{name} is no classifier of sounds; name one, such as spoken-digits")
    short = Path(source).name.removesuffix(SHIPPED)
    return Judge(pipe, Path(source).parent.name if short == "model" else short)
