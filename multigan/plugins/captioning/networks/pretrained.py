"""Any vision model of transformers as the encoder of pictures.

Shape suffixes: B pictures, C channels, H and W pixels, N cells of the grid, D features of a cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from multigan.data.hub import reach_model, silence
from multigan.errors import CheckpointError, PluginError
from multigan.nn.network import Network

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, where a model says nothing


class PretrainedEncoder(Network):
    """A vision transformer or a convolutional network; its last hidden state is the grid.

    A saved model holds the weights and the architecture: loading it needs no hub.

    Args:
        architecture: the configuration of transformers, with its ``model_type``.
        size: side of the pictures that come in; they are scaled to what the model wants.
        mean: of the pixels that the model was trained on, 0 to 1.
        std: the same.
    """

    mean_C11: Tensor
    std_C11: Tensor

    def __init__(
        self,
        *,
        architecture: Mapping[str, Any],
        size: int,
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
    ) -> None:
        super().__init__()
        transformers = _transformers()
        config = transformers.AutoConfig.for_model(**architecture)
        # Of models for pictures and texts (CLIP, SigLIP) the half that sees.
        config = getattr(config, "vision_config", config)
        with silence(transformers):
            self.network = transformers.AutoModel.from_config(config)
        self.side = _side(config, size)
        self.register_buffer("mean_C11", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std_C11", torch.tensor(std)[:, None, None], persistent=False)
        with torch.no_grad():
            training = self.network.training
            grid_BND = self.eval()(torch.zeros(1, 3, size, size))
            self.train(training)
        self.cells, self.features = grid_BND.shape[1:]

    @classmethod
    def load(cls, source: str, *, size: int) -> Self:
        """Fetches a model from a folder, the hub's cache, or the hub.

        Raises:
            CheckpointError: it cannot be had, or is no vision model.
            PluginError: transformers is not installed.
        """
        transformers = _transformers()
        with silence(transformers):
            try:
                try:
                    network, processor = _fetch(transformers, source, local_files_only=True)
                except OSError:
                    reach_model(source)
                    network, processor = _fetch(transformers, source)
            except (OSError, ValueError) as error:
                raise CheckpointError(
                    f"model.encoder={source}: no folder with such a model here, and none of that "
                    "name can be had from the Hugging Face hub; name a folder, or model.encoder="
                    "grid"
                ) from error
        network = getattr(network, "vision_model", network)
        try:
            made = cls(
                architecture=network.config.to_dict(),
                size=size,
                mean=processor.get("image_mean") or MEAN,
                std=processor.get("image_std") or STD,
            )
            made.network.load_state_dict(network.state_dict())
        except (TypeError, ValueError, RuntimeError, AttributeError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CheckpointError(
                f"model.encoder={source} does not turn pictures into features: {first}"
            ) from error
        return made

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Pictures (B, 3, size, size) in [-1, 1] to grids (B, N, D)."""
        if x_BCHW.shape[2] != self.side:
            x_BCHW = F.interpolate(
                x_BCHW, (self.side, self.side), mode="bicubic", antialias=True, align_corners=False
            ).clamp(-1, 1)
        pixels = ((x_BCHW + 1) / 2 - self.mean_C11) / self.std_C11
        state = self.network(pixel_values=pixels).last_hidden_state
        if state.dim() == 4:  # of a convolutional network: (B, D, rows, columns)
            state = state.flatten(2).transpose(1, 2)
        return state


def _side(config: Any, size: int) -> int:
    side = getattr(config, "image_size", None) or size
    return int(side[0] if isinstance(side, list | tuple) else side)


def _fetch(transformers: Any, source: str, **options: Any) -> tuple[Any, dict[str, Any]]:
    network = transformers.AutoModel.from_pretrained(source, **options)
    try:
        found, _ = transformers.ImageProcessingMixin.get_image_processor_dict(source, **options)
    except OSError:  # a model without one: ImageNet's numbers
        found = {}
    return network, found


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise PluginError(
            "a pretrained encoder needs transformers; pip install transformers, or take "
            "model.encoder=grid"
        ) from error
    return transformers
