"""A convolution that is a plain matrix product where the CPU is faster with one.

Shape suffixes: B sounds, C channels, T samples, P places of the kernel, K taps.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

FEW_PLACES = 32


class PatchConv1d(nn.Conv1d):
    """nn.Conv1d without groups and dilation: the same numbers up to rounding, the same weights.

    For one input channel, and for many channels at few places, the CPU's convolution does not fill
    its registers, above all in its second derivative, which a gradient penalty needs. Gathering the
    patches under the kernel and multiplying them with the weights is two to four times faster then.
    """

    def forward(self, x_BCT: Tensor) -> Tensor:
        """(B, C, T) to (B, outputs, P)."""
        kernel, stride, padding = self.kernel_size[0], self.stride[0], int(self.padding[0])
        places = (x_BCT.shape[2] + 2 * padding - kernel) // stride + 1
        if x_BCT.device.type != "cpu" or (self.in_channels > 1 and places > FEW_PLACES):
            return super().forward(x_BCT)
        patches_BCPK = F.pad(x_BCT, (padding, padding)).unfold(2, kernel, stride)
        patches_BPC = patches_BCPK.transpose(1, 2).flatten(2)
        return F.linear(patches_BPC, self.weight.flatten(1), self.bias).transpose(1, 2)
