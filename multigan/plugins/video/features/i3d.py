"""I3D from a TorchScript file, for the FVD of StyleGAN-V's protocol.

Unterthiner et al., "Towards Accurate Generative Models of Video", 2018; Skorokhodov et al.,
"StyleGAN-V", CVPR 2022, whose protocol names a score by its number of clips and of frames:
``fvd2048_16f``. The network (Kinetics-400) resizes to 224 pixels and rescales by itself; it is
given 8-bit frames. The file is a third party's and is not downloaded here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from multigan.data.files import reason
from multigan.errors import CheckpointError, PluginError

FRAMES = 16
# SHA-256 of the file that StyleGAN-V and its successors score with: with no other it is an FVD.
OFFICIAL = "bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2"


class I3D:
    """Features of a TorchScript I3D.

    Args:
        weights: the file.

    Raises:
        PluginError: no file is named.
        CheckpointError: it is missing or no TorchScript program.
    """

    frames, size, anywhere = FRAMES, 0, True
    class_names: tuple[str, ...] = ()

    def __init__(self, weights: str | None) -> None:
        if not weights:
            raise PluginError("i3d needs its TorchScript file: --weights i3d_torchscript.pt")
        path = Path(weights)
        if not path.is_file():
            raise CheckpointError(f"{path}: no such file; name the TorchScript file of i3d")
        try:
            self.network = torch.jit.load(str(path), map_location="cpu").eval()
        except RuntimeError as error:
            problem = reason(error)[:120]
            raise CheckpointError(f"{path}: not a TorchScript program ({problem})") from error
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.official = digest == OFFICIAL
        self.name = "i3d" if self.official else f"i3d-{digest[:8]}"
        whose = "the weights of FVD" if self.official else f"{path.name}, not the weights of FVD"
        self.protocol = f"I3D, {whose}, {FRAMES} consecutive frames, resized by the network"

    def to(self, device: torch.device | str) -> I3D:
        """Moves it."""
        self.network.to(device)
        return self

    def features(self, x_BTCHW: Tensor) -> Tensor:
        """(B, 400) of clips in [0, 1]."""
        bytes_BCTHW = x_BTCHW.mul(255).round().clamp(0, 255).transpose(1, 2)
        return self.network(bytes_BCTHW, rescale=True, resize=True, return_features=True).float()

    def logits(self, features_BD: Tensor) -> Tensor:
        """There are none that a score could use.

        Raises:
            PluginError: always.
        """
        raise PluginError("i3d's classes are not those of your clips")

    def score_name(self, metric: str, *, count: int) -> str:
        """``fvd2048_16f`` for the Fréchet distance of 2048 clips with the weights of FVD."""
        if metric == "frechet" and self.official:
            return f"fvd{count}_{FRAMES}f"
        return f"{metric}-{self.name}"
