"""VGG-19, the features of nearly all that was published on style transfer, from a file of weights.

The file is torchvision's (ImageNet, 549 MB); multigan neither ships nor downloads it. Only the
convolutions are read, and their widths are those of the file.

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.errors import CheckpointError
from multigan.plugins.translation.stylize.layers import Layers, PerceptualFeatures
from multigan.weights import published_file, read_published

FILE = "vgg19-dcbb9e9d.pth"
URL = f"https://download.pytorch.org/models/{FILE}"
# Where the convolutions stand in torchvision's `features`, block by block, with pooling between.
BLOCKS = ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28,))
STYLE = (0, 5, 10, 19, 28)  # conv1_1, conv2_1, conv3_1, conv4_1, conv5_1
CONTENT = (21,)  # conv4_2
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGG19(PerceptualFeatures):
    """The layers of Gatys et al. (2016): style from conv1_1 to conv5_1, content from conv4_2.

    Pooling takes means instead of maxima, as the authors recommend for synthesis.

    Args:
        weights: The file, .pth or .safetensors; None looks for it in torch hub's cache.

    Raises:
        CheckpointError: The file is missing, damaged, or of another architecture.
    """

    smallest = 32

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        path = published_file("vgg19", weights, name=FILE, url=URL)
        tensors = read_published(path, name=FILE, url=URL)
        self.convs = nn.ModuleDict()
        channels, missing = 3, torch.empty(0)
        for index in (index for block in BLOCKS for index in block):
            weight = tensors.get(f"features.{index}.weight", missing)
            bias = tensors.get(f"features.{index}.bias", missing)
            if weight.shape[1:] != (channels, 3, 3) or bias.shape != weight.shape[:1]:
                raise CheckpointError(
                    f"{path} is not a VGG-19 of torchvision: features.{index} is missing or of "
                    f"another shape; download {URL}"
                )
            channels = len(weight)
            conv = nn.Conv2d(weight.shape[1], channels, 3, padding=1)
            conv.load_state_dict({"weight": weight, "bias": bias})
            self.convs[str(index)] = conv

    def forward(self, x_BCHW: Tensor) -> Layers:
        """Layers after their ReLU."""
        mean, std = x_BCHW.new_tensor(MEAN), x_BCHW.new_tensor(STD)
        h_BCHW = ((x_BCHW + 1) / 2 - mean[:, None, None]) / std[:, None, None]
        layers = {}
        for number, block in enumerate(BLOCKS):
            if number:
                h_BCHW = F.avg_pool2d(h_BCHW, 2)
            for index in block:
                h_BCHW = layers[index] = F.relu(self.convs[str(index)](h_BCHW))
        return Layers([layers[index] for index in STYLE], [layers[index] for index in CONTENT])
