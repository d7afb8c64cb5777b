"""The Inception network of FID, from its weights file, with TensorFlow's resizing.

FID is defined by one network: the TensorFlow graph ``inception-2015-12-05`` (Heusel et al. 2017).
Its weights circulate as a PyTorch file, made by the pytorch-fid project, with the layer names of
torchvision's Inception v3. That graph differs from torchvision's network in three points: average
pooling leaves the padding out, the last block takes a maximum instead, and there are 1008 classes.

Shape suffixes: N pictures, C channels, H and W pixels, D features, K classes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import inception as torchvision_inception

from multigan.plugins.image.features.extractor import FeatureExtractor
from multigan.weights import fill, published_file, read_published

FILE = "pt_inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d"  # what the file's hash begins with, as its name says
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"
CLASSES = 1008
SIDE = 299


class InceptionV3(FeatureExtractor):
    """The 2048 numbers of the last pooling layer, and logits as in the Inception score.

    Scores are called "fid", "kid" and "inception-score" only if the file is the original one, byte
    for byte; with any other weights of this architecture they are "frechet-inception-v3" ...

    Args:
        weights: the file, .pth or .safetensors; None looks for it in torch hub's cache, where
            pytorch-fid leaves it.

    Raises:
        CheckpointError: the file is missing, damaged, or of another architecture.
    """

    name = "inception-v3"
    num_classes = CLASSES

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        path = published_file("inception-v3", weights, name=FILE, url=URL)
        network = fid_inception()
        fill(network, read_published(path, name=FILE, url=URL), path)
        self.head = network.fc
        network.fc = nn.Identity()
        self.network = network
        resized = f"TensorFlow's bilinear resizing to {SIDE}x{SIDE}, not antialiased"
        if _sha256(path).startswith(SHA256):
            self.official = {
                "frechet": "fid",
                "kernel": "kid",
                "inception-score": "inception-score",
            }
            self.protocol = f"Inception v3 (2015-12-05, the weights of FID), {resized}"
        else:
            self.protocol = f"weights of {path.name}, which are not those of FID, {resized}"

    def resize(self, x_N3HW: Tensor) -> Tensor:
        """To 299x299 and about [-1, 1]."""
        return (tensorflow_bilinear(x_N3HW, SIDE) - 128) / 128

    def features(self, x_NCHW: Tensor) -> Tensor:
        """(N, 2048)."""
        return self.network(x_NCHW)

    def logits(self, features_ND: Tensor) -> Tensor:
        """(N, 1008), without the bias: so the published Inception scores were computed."""
        return F.linear(features_ND, self.head.weight)


def fid_inception() -> torchvision_inception.Inception3:
    """The network with fresh weights; its tensors are named as in the weights file."""
    layers = torchvision_inception
    network = layers.Inception3(
        num_classes=CLASSES,
        aux_logits=False,
        inception_blocks=[
            layers.BasicConv2d,
            _AverageA,
            layers.InceptionB,
            _AverageC,
            layers.InceptionD,
            _AverageE,
            layers.InceptionAux,
        ],
        init_weights=False,
    )
    network.Mixed_7c = _MaximumE(2048)
    return network


def tensorflow_bilinear(x_NCHW: Tensor, side: int) -> Tensor:
    """Bilinear resizing to a square as TensorFlow 1 did it.

    Pixel i comes from position i * (input side / output side) of the input, where everybody else
    takes the centres of pixels: (i + 0.5) * ratio - 0.5. Nothing is smoothed before pixels are left
    out. The features are so sensitive to it that a FID with another resizing is another number
    (Parmar et al. 2022).
    """
    for dim in (2, 3):
        size = x_NCHW.shape[dim]
        position = torch.arange(side, device=x_NCHW.device) * (size / side)
        low = position.floor().long().clamp(max=size - 1)
        share = (position - low).view(-1, *[1] * (3 - dim)).to(x_NCHW.dtype)
        first = x_NCHW.index_select(dim, low)
        second = x_NCHW.index_select(dim, (low + 1).clamp(max=size - 1))
        x_NCHW = first + (second - first) * share
    return x_NCHW


class _Pooled:
    """Replaces what the pooling branch of a torchvision block does; it is always the last one."""

    branch_pool: nn.Module

    def _forward(self, x_NCHW: Tensor) -> list[Tensor]:
        branches: list[Tensor] = super()._forward(x_NCHW)  # type: ignore[misc]
        return [*branches[:-1], self.branch_pool(self.pool(x_NCHW))]

    def pool(self, x_NCHW: Tensor) -> Tensor:
        return F.avg_pool2d(x_NCHW, 3, stride=1, padding=1, count_include_pad=False)


class _AverageA(_Pooled, torchvision_inception.InceptionA):  # type: ignore[misc]
    pass


class _AverageC(_Pooled, torchvision_inception.InceptionC):  # type: ignore[misc]
    pass


class _AverageE(_Pooled, torchvision_inception.InceptionE):  # type: ignore[misc]
    pass


class _MaximumE(_Pooled, torchvision_inception.InceptionE):  # type: ignore[misc]
    def pool(self, x_NCHW: Tensor) -> Tensor:
        return F.max_pool2d(x_NCHW, 3, stride=1, padding=1)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
