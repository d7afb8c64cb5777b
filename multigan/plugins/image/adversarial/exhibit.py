"""For the report: does the generator make pictures of its own, or copies of what it has seen?

Below each of some generated pictures stands the training picture that is most like it. A copy has
a distance near zero. What is usual for pictures of this kind, as many real ones tell, held out from
the training where there are such: their distances to the training pictures most like them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from multigan.inference.pipeline import pipeline
from multigan.plugins.image.adversarial.data import (
    Pictures,
    WholePictures,
    has_validation,
    open_pictures,
)
from multigan.plugins.image.adversarial.recipe import ImageRecipe
from multigan.plugins.image.features import extractor

SHOWN = 10
SEARCHED = 5000  # training pictures, at most
CHUNK = 100


@torch.no_grad()
def write_neighbours(run: Path, recipe: ImageRecipe) -> None:
    """Writes ``exhibits/neighbours.json`` and the picture that it shows.

    Args:
        run: a run folder with a model.
        recipe: of the run.
    """
    from torchvision.utils import save_image

    look = extractor("random-conv")
    train = open_pictures(recipe.data, labelled=False)
    seen_ND = _features(look, train, min(len(train), SEARCHED))
    made = pipeline(run).sample(SHOWN, seed=0).tensor
    apart = has_validation(recipe.data.source)
    others = open_pictures(recipe.data, labelled=False, split="validation") if apart else train
    real_SD = _features(look, others, min(len(others), SHOWN))
    made_S, which_S = _nearest(look(made), seen_ND, itself=False)
    real_S, _ = _nearest(real_SD, seen_ND, itself=not apart)

    folder = run / "exhibits"
    folder.mkdir(exist_ok=True)
    beside = torch.cat([_shown(train, [int(i)]) for i in which_S])
    save_image(torch.cat([made, beside]), folder / "neighbours.png", nrow=SHOWN)
    kind = "held-out" if apart else "training"
    shown = {
        "title": "Nearest training pictures",
        "text": f"Above: generated. Below: the most similar of {len(seen_ND)} training pictures, "
        "in the features of random convolutions. Distances near zero would be copies.",
        "columns": ["pictures", "nearest", "middle", "farthest"],
        "rows": [["generated", *_spread(made_S)], [f"{kind} real ones", *_spread(real_S)]],
        "plot": "neighbours.png",
    }
    (folder / "neighbours.json").write_text(json.dumps(shown, indent=1), encoding="utf-8")


def _features(look: nn.Module, pictures: Pictures | WholePictures, count: int) -> Tensor:
    """Features (count, D) of the first pictures, a few of which are in memory at a time."""
    parts = torch.arange(count).split(CHUNK)
    return torch.cat([look(_shown(pictures, part.tolist())) for part in parts])


def _shown(pictures: Pictures | WholePictures, numbers: Sequence[int]) -> Tensor:
    """Pictures by number, (N, C, H, W) in [0, 1]."""
    return torch.stack([pictures.plain(i)["image"] for i in numbers]).add(1).div(2)


def _nearest(query_SD: Tensor, known_ND: Tensor, *, itself: bool) -> tuple[Tensor, Tensor]:
    """Distances to the nearest rows and their numbers; row i is not its own neighbour."""
    distance_SN = torch.cdist(query_SD, known_ND)
    if itself and distance_SN.shape[1] > 1:
        distance_SN.fill_diagonal_(float("inf"))
    distance_S, which_S = distance_SN.min(dim=1)
    return distance_S, which_S


def _spread(distance_S: Tensor) -> list[float]:
    return [float(distance_S.min()), float(distance_S.median()), float(distance_S.max())]
