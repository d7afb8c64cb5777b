"""The classifier: a log-mel spectrogram, five convolutions, attention over time, a linear layer.

How loud a sound is and how much silence stands around it must not matter, since generated clips
differ from recorded ones in both. So a sound is brought to a peak of 1, and its spectrogram taken
relative to the loudest place, where 61 dB below and less are 0: silence then looks like the zeros
that convolutions pad with. And the features are a mean over time in which silent frames have hardly
any weight.

Shape suffixes: B sounds, T samples, M bands, L frames, D features, K classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.plugins.audio.mel import FLOOR_LOG, LogMel
from multigan.plugins.audio.recipe import MelConfig

RANGE = 7.0  # nepers from the loudest place down to what counts as silence, 61 dB
FAINT = 1e-4  # weight of a silent frame
SILENT = 1e-3  # peak, -60 dB: what is fainter stays faint


class Classifier(Network):
    """Class logits of sounds, and the features that they are read from.

    Args:
        classes: K.
        rate: samples a second of the sounds.
        n_fft: samples of a Fourier transform.
        hop: samples from one frame to the next.
        mels: M.
        width: channels after the first convolution.
        features: D.
        dropout: share of the features hidden while training.
    """

    def __init__(
        self,
        *,
        classes: int = 10,
        rate: int = 8000,
        n_fft: int = 256,
        hop: int = 128,
        mels: int = 40,
        width: int = 16,
        features: int = 128,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.classes, self.rate = classes, rate
        self.log_mel = LogMel(MelConfig(rate=rate, n_fft=n_fft, hop=hop, mels=mels))
        self.body = nn.Sequential(
            *_convolution(1, width),
            *_convolution(width, 2 * width, stride=2),
            *_convolution(2 * width, 2 * width),
            *_convolution(2 * width, 4 * width, stride=2),
        )
        # All bands at once: where a formant lies matters, when it comes does not.
        self.bands = nn.Conv2d(4 * width, features, (_half(_half(mels)), 3), padding=(0, 1))
        self.attention = nn.Conv1d(features, 1, 1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(features, classes)

    def features(self, x_BT: Tensor) -> Tensor:
        """Non-negative features (B, D) of sounds in [-1, 1], of any length above n_fft / 2."""
        y_BML = self.spectrogram(x_BT)
        h_BDL = F.relu(self.bands(self.body(y_BML[:, None]))[:, :, 0])
        loud_BL = y_BML.amax(1)
        for _ in range(2):  # as the two strides
            loud_BL = F.max_pool1d(loud_BL, 2, ceil_mode=True)
        scores_BL = self.attention(h_BDL)[:, 0] + (loud_BL + FAINT).log()
        return (h_BDL * scores_BL.softmax(1)[:, None]).sum(2)

    def forward(self, x_BT: Tensor) -> Tensor:
        """Logits (B, K) of sounds in [-1, 1]."""
        return self.head(self.dropout(self.features(x_BT)))

    def spectrogram(self, x_BT: Tensor) -> Tensor:
        """(B, M, L) in [0, 1]: 1 is the loudest place, 0 is 61 dB below or silence."""
        y_BML = self.log_mel(x_BT / x_BT.abs().amax(1, keepdim=True).clamp(min=SILENT))
        loudest_B11 = y_BML.amax((1, 2), keepdim=True).clamp(min=FLOOR_LOG + RANGE)
        return F.relu(1 + (y_BML - loudest_B11) / RANGE)


def _convolution(before: int, after: int, *, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]


def _half(size: int) -> int:
    return -(-size // 2)
