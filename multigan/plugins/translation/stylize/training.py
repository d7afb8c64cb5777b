"""Fast neural style: one pass of a network for what else is optimised (Johnson et al. 2016).

A generator learns from any photos to minimise what `optimise` minimises for one. It is no game, and
has no discriminator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.data.source import Images
from multigan.data.transforms import image_transform, to_float
from multigan.errors import DataError
from multigan.plugins.translation.domains import open_domain
from multigan.plugins.translation.stylize.colours import recoloured
from multigan.plugins.translation.stylize.features import perceptual_features
from multigan.plugins.translation.stylize.network import StyleGenerator
from multigan.plugins.translation.stylize.objective import StyleObjective, Weights
from multigan.plugins.translation.stylize.recipe import StyleData, StyleRecipe
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 4


class FastNeuralStyle:
    """Trains a generator to paint photos like one picture."""

    def __init__(self, recipe: StyleRecipe) -> None:
        self.recipe = recipe
        data, model, loss = recipe.data, recipe.model, recipe.loss
        self.data = Photos(_open(data, data.photos), size=data.size, side=data.side)
        self.style = _style(data)
        self.objective = StyleObjective(
            perceptual_features(model.features, weights=model.weights or None),
            self.style,
            weights=Weights(content=loss.content, style=loss.style, tv=loss.tv),
        )
        generator = StyleGenerator(width=model.width, blocks=model.blocks)
        generator.take_palette(self.style)
        self.networks = nn.ModuleDict({"generator": generator})
        self.memory = nn.ModuleDict()
        self.groups = {"generator": ("generator",)}
        self.averaged = ()

    def stages(self) -> tuple[Stage, ...]:
        """One network, one phase."""
        phase = Phase("generator", "generator", self.generator)
        return (Stage("painting", self.recipe.steps.painting, (phase,)),)

    def generator(self, batch: Batch, step: Step) -> Losses:
        """Paint photos in the style."""
        painted = self.networks["generator"](batch["photo"])
        return self.objective(painted, content=self._content(batch["photo"]))

    def dataset(self) -> Dataset[Any]:
        """Random crops of the photos."""
        return self.data

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Photos above, what became of them below."""
        photos, painted = self._shown(networks)
        images = torch.cat([photos, painted]).add(1).div(2).clamp(0, 1)
        return Preview(images=images.float().cpu(), columns=len(photos))

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """The unweighted errors on the photos of the preview."""
        photos, painted = self._shown(networks)
        style, content = self.objective.errors(painted, content=self._content(photos))
        return {"style-error": float(style), "content-error": float(content)}

    def model(self) -> dict[str, Any]:
        """The generator; instance normalisation does not allow tiles."""
        return {
            "networks": ["generator"],
            "directions": {"style": "generator"},
            "multiple": 4,
            "minimum": 16,
            "halo": None,
            # Twice the size of the training: finer strokes, and memory that a large photo cannot
            # exhaust.
            "side": 2 * self.recipe.data.side,
        }

    def _content(self, photos: Tensor) -> list[Tensor]:
        """What is to stay of photos, which take the colours of the style as in `stylize`."""
        return self.objective.content(recoloured(photos, self.style.to(photos.device)))

    def _shown(self, networks: Mapping[str, nn.Module]) -> tuple[Tensor, Tensor]:
        device = next(networks["generator"].parameters()).device
        photos = self.data.shown(SHOWN).to(device)
        return photos, networks["generator"](photos)


class Photos(Dataset[dict[str, Tensor]]):
    """Random crops, half of them mirrored.

    Args:
        pictures: What is to be painted.
        size: Side of the crops.
        side: Shorter side of the photos before cropping.
    """

    def __init__(self, pictures: Images, *, size: int, side: int) -> None:
        self.pictures = pictures
        self.augment = image_transform(size, resize=side)
        self.centre = image_transform(side, crop="centre", flip=False)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"photo": self.augment(self.pictures[index])}

    def shown(self, count: int) -> Tensor:
        """Centres of the first photos, (N, 3, side, side) in [-1, 1]."""
        return torch.stack([self.centre(self.pictures[i % len(self)]) for i in range(count)])


def _open(data: StyleData, source: str) -> Images:
    return open_domain(
        source, size=data.side, builtin_size=data.builtin_size, on_error=data.on_error
    )


def _style(data: StyleData) -> Tensor:
    """The picture to paint like, (1, 3, H, W) in [-1, 1]."""
    from torchvision.transforms.v2 import functional

    pictures = _open(data, data.style)
    if len(pictures) > 1 and not data.style.startswith("builtin:"):
        raise DataError(f"data.style={data.style} holds {len(pictures)} pictures; name one of them")
    pixels = torch.from_numpy(pictures[0]).permute(2, 0, 1)
    return to_float(functional.resize(pixels, [data.side], antialias=True))[None]
