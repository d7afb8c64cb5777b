"""Going on from a vocoder that was trained before: one's own, or an imported one."""

from __future__ import annotations

from multigan.errors import CheckpointError
from multigan.inference.pipeline import pipeline
from multigan.plugins.audio.recipe import MelConfig
from multigan.plugins.audio.vocoder.build import Generator

# What is no matter of the weights.
FREE = {"weight_norm", "mel", "guess", "guess_training", "passes", "between", "refine"}


def start_from(model: str, generator: Generator, mel: MelConfig) -> None:
    """Fills a generator with the weights of a saved one.

    Args:
        model: a run, a model folder or a hub id.
        generator: of the same sizes.
        mel: that the recipe asks for.

    Raises:
        CheckpointError: no vocoder, or one of other sizes or of other spectrograms.
    """
    saved = pipeline(model)
    other = saved.components.get("generator")
    if not isinstance(other, Generator):
        raise CheckpointError(f"model.start={model} is no vocoder; name one")
    if type(other) is not type(generator):
        raise CheckpointError(
            f"model.start={model} is a {type(other).__name__}, and the recipe asks for a "
            f"{type(generator).__name__}; set model.variant"
        )
    # A refiner's own "mel" is the same again; the rounds around its network are free to differ.
    theirs = {**other.config, **MelConfig.model_validate(saved.facts["mel"]).model_dump()}
    ours = {**generator.config, **mel.model_dump()}
    for name, value in theirs.items():
        if name not in FREE and _plain(value) != _plain(ours[name]):
            raise CheckpointError(
                f"model.start={model} has {name}={_plain(value)}, and the recipe says "
                f"{_plain(ours[name])}; set it in model or in mel"
            )
    generator.take(other)  # type: ignore[arg-type]


def _plain(value: object) -> object:
    """Tuples become lists, as in JSON."""
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
