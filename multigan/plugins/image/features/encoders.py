"""DINOv2 and CLIP, through transformers: what people see in pictures better than Inception does.

DINOv2's Fréchet distance is the one of Stein et al. (2023), who found it to agree with people's
judgement of realism where FID does not. CLIP's is that of Kynkäänniemi et al. (2023). Whole
pictures are squeezed into a square, as in both.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from multigan.data.hub import reach_model, silence
from multigan.errors import CheckpointError, PluginError
from multigan.plugins.image.features.extractor import FeatureExtractor


class Dinov2(FeatureExtractor):
    """The class token of DINOv2 after the last normalisation.

    Args:
        weights: a folder or hub id; None takes the size of Stein et al., ViT-L/14.

    Raises:
        CheckpointError: the weights cannot be had, or are of another architecture.
        PluginError: transformers is not installed.
    """

    name = "dinov2"

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        source = weights or "facebook/dinov2-large"
        self.network = _load("Dinov2Model", source, self.name)
        self.side = 224
        self.protocol = _protocol(source, self.side)

    def resize(self, x_N3HW: Tensor) -> Tensor:
        """To the side and the normalisation of the training."""
        return _normalised(x_N3HW, self.side, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

    def features(self, x_NCHW: Tensor) -> Tensor:
        """(N, D), D = 1024 for ViT-L."""
        return self.network(pixel_values=x_NCHW).pooler_output


class Clip(FeatureExtractor):
    """The picture embedding of CLIP, in the space that it shares with texts.

    Args:
        weights: a folder or hub id; None takes ViT-B/32.

    Raises:
        CheckpointError: the weights cannot be had, or are of another architecture.
        PluginError: transformers is not installed.
    """

    name = "clip"

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        source = weights or "openai/clip-vit-base-patch32"
        self.network = _load("CLIPVisionModelWithProjection", source, self.name)
        self.side = self.network.config.image_size
        self.protocol = _protocol(source, self.side)

    def resize(self, x_N3HW: Tensor) -> Tensor:
        """To the side and the normalisation of the training."""
        return _normalised(
            x_N3HW,
            self.side,
            mean=(0.48145466, 0.4578275, 0.40821073),
            std=(0.26862954, 0.26130258, 0.27577711),
        )

    def features(self, x_NCHW: Tensor) -> Tensor:
        """(N, D), D = 512 for ViT-B/32."""
        return self.network(pixel_values=x_NCHW).image_embeds


def _normalised(
    x_N3HW: Tensor, side: int, *, mean: tuple[float, ...], std: tuple[float, ...]
) -> Tensor:
    if x_N3HW.shape[2:] != (side, side):
        x_N3HW = F.interpolate(x_N3HW, (side, side), mode="bicubic", antialias=True)
    x_N3HW = x_N3HW.clamp(0, 255) / 255  # bicubic interpolation overshoots
    return (x_N3HW - x_N3HW.new_tensor(mean)[:, None, None]) / x_N3HW.new_tensor(std)[:, None, None]


def _protocol(source: str, side: int) -> str:
    # Where a folder lies is nobody's business; its name is.
    model = Path(source).name if Path(source).exists() else source
    return f"{model}, squeezed to {side}x{side} by antialiased bicubic interpolation"


def _load(model: str, source: str, name: str) -> Any:
    """A pretrained network of transformers from a folder, the hub's cache, or the hub."""
    try:
        import transformers
    except ImportError as error:
        raise PluginError(
            f"features '{name}' need transformers; pip install transformers"
        ) from error
    load = functools.partial(
        getattr(transformers, model).from_pretrained,
        source,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # reported below instead
    )
    try:
        with silence(transformers):
            try:
                network, report = load(local_files_only=True)
            except OSError:
                reach_model(source)
                network, report = load()
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"features '{name}': no folder {source} with such a model here, and none of that name "
            "can be had from the Hugging Face hub; name a folder with --weights"
        ) from error
    # What the file lacks would silently stay random.
    if report["missing_keys"] or report["mismatched_keys"]:
        raise CheckpointError(f"features '{name}': {source} is a model of another kind")
    return network
