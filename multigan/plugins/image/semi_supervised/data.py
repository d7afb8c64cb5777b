"""Many pictures without labels, each beside one of the few that have one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.transforms import to_float
from multigan.errors import DataError
from multigan.plugins.image.classifier.data import Labelled, open_labelled, read_whole
from multigan.plugins.image.semi_supervised.recipe import SemiSupervisedData


class FewLabels(Dataset[dict[str, Tensor]]):
    """Pictures to learn from. No other labels are in it than the few.

    Args:
        images: uint8 (N, C, H, W), all pictures.
        labelled: those with labels.
    """

    def __init__(self, images: Tensor, labelled: Labelled) -> None:
        self.images, self.labelled = images, labelled

    def __len__(self) -> int:
        """Number of pictures without labels."""
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One picture, and a labelled one."""
        return {key: value[0] for key, value in self.batch(torch.tensor([index])).items()}

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        """``image`` (B, C, H, W) in [-1, 1]; as many that are ``labelled`` and their ``label``."""
        # Indices come in random order, so their remainders are random choices from the few.
        few = self.labelled.batch(indices % len(self.labelled))
        return {
            "image": to_float(self.images[indices]),
            "labelled": few["image"],
            "label": few["label"],
        }


def open_few_labels(config: SemiSupervisedData, *, seed: int) -> tuple[FewLabels, Labelled]:
    """The pictures to train on, and those that are held out with all their labels.

    Args:
        config: the section of the recipe.
        seed: of the choice of labelled pictures.

    Raises:
        DataError: there are no such pictures, or a class has too few.
    """
    train, held_out = open_labelled(config)
    few = train.part(choose(train, per_class=config.labels_per_class, seed=seed))
    if not config.unlabelled:
        return FewLabels(train.images, few), held_out
    return FewLabels(read_whole(config, config.unlabelled, labelled=False).images, few), held_out


def choose(data: Labelled, *, per_class: int, seed: int) -> Tensor:
    """Numbers of pictures, as many of every class, drawn at random.

    Raises:
        DataError: a class has too few.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data), generator=generator)
    chosen = []
    for number, name in enumerate(data.classes):
        members = order[data.labels[order] == number]
        if len(members) < per_class:
            raise DataError(
                f"class '{name}' has only {len(members)} training pictures; give it more, or set "
                f"data.labels_per_class={len(members)}"
            )
        chosen.append(members[:per_class])
    return torch.cat(chosen)
