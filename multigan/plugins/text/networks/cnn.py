"""SeqGAN's discriminator: a convolutional network that judges whole sentences.

Shape suffixes: B sentences, L token positions, V vocabulary, E embedding, F features (filters of
all widths), T prefixes, N rollouts, R rows of a batch of completions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from multigan.data.vocabulary import EOS, PAD
from multigan.nn.network import Network
from multigan.plugins.text.relaxation import Rows

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20)
FILTERS = (100, 200, 200, 200, 200, 100, 100, 100, 100, 100, 160, 160)


class CNNDiscriminator(Network):
    """Convolutions over the words, maximum over time, a highway layer, a verdict (Yu et al. 2017).

    The maximum is taken before bias and ReLU, which changes nothing, as both are monotone, and
    spares two passes over the largest array. Pads are zero vectors; a window of pads is 0 whatever
    the filter, so that only one of them needs to be computed.

    Args:
        vocabulary_size: V.
        length: longest sentence, its eos included; wider filters are left out.
        embedding: E.
        widths: words in a filter's window.
        filters: number of filters of each width.
        dropout: share of the features that are dropped in training.
        labels: number of labels; then the match of label and features counts as well (a projection
            discriminator, Miyato and Koyama 2018).
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        length: int,
        embedding: int = 64,
        widths: Sequence[int] = WIDTHS,
        filters: Sequence[int] = FILTERS,
        dropout: float = 0.25,
        labels: int = 0,
    ) -> None:
        super().__init__()
        pairs = [(w, n) for w, n in zip(widths, filters, strict=True) if w <= length]
        self.widths = [w for w, _ in pairs]
        features = sum(n for _, n in pairs)
        self.embedding = nn.Embedding(vocabulary_size, embedding, padding_idx=PAD)
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding, n, w, bias=False) for w, n in pairs)
        self.bias = nn.Parameter(torch.zeros(features))
        self.highway = nn.Linear(features, 2 * features)
        nn.init.constant_(self.highway.bias[features:], -2.0)  # at first the features pass through
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(features, 1)
        self.label = nn.Embedding(labels, features) if labels else None

    def forward(
        self,
        tokens_BL: Tensor,
        rows_BLV: Rows | None = None,
        labels_B: Tensor | None = None,
    ) -> Tensor:
        """Verdicts (B, 1), larger for more real.

        Args:
            tokens_BL: sentences with eos and pads.
            rows_BLV: the same words as one-hot rows through which a gradient is wanted.
            labels_B: their labels, where there are labels.
        """
        return self.judge(self.embed(tokens_BL, rows_BLV), tokens_BL, labels_B)

    def embed(self, tokens_BL: Tensor, rows_BLV: Rows | None = None) -> Tensor:
        """Words as vectors (B, L, E); pads are zero."""
        if rows_BLV is None:
            return self.embedding(tokens_BL)
        x_BLE = rows_BLV @ self.embedding.weight.to(rows_BLV.dtype)
        return x_BLE * (tokens_BL != PAD)[:, :, None]

    def judge(self, x_BLE: Tensor, tokens_BL: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Verdicts (B, 1) of embedded words."""
        return self._verdict(self._maxima(x_BLE, _used(tokens_BL)), labels_B)[:, None]

    def sentence(self, tokens_BL: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """One verdict a sentence, (B,)."""
        return self(tokens_BL, None, labels_B)[:, 0]

    def judge_completions(
        self, tokens_BL: Tensor, written_TNBL: Tensor, labels_B: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Verdicts on sentences (B,) and on completions of all their prefixes (T, N, B).

        The N completions of a prefix share the windows that lie within it: those are computed once,
        with the sentence, a third of all. For prefixes that hold their eos the verdict is left 0.
        """
        B, L = tokens_BL.shape
        T, N = written_TNBL.shape[:2]
        x_BEL = self.embedding(tokens_BL).transpose(1, 2)
        running = [convolution(x_BEL).cummax(2).values for convolution in self.convolutions]
        verdicts_B = self._verdict(torch.cat([r[:, :, -1] for r in running], dim=1), labels_B)
        verdicts_TNB = verdicts_B.new_zeros(T, N, B)
        on_cpu = tokens_BL.device.type == "cpu"
        for t in range(1, L):
            open_B = (tokens_BL[:, :t] != EOS).all(1)
            # Where asking is free, finished sentences are left out.
            b = open_B.nonzero()[:, 0] if on_cpu else torch.arange(B, device=tokens_BL.device)
            if len(b) == 0:
                break
            rows_RL = written_TNBL[t - 1][:, b].reshape(-1, L)
            maxima, used = [], _used(rows_RL)
            x_REL = self.embedding(rows_RL).transpose(1, 2)
            for width, convolution, inside in zip(
                self.widths, self.convolutions, running, strict=True
            ):
                first = max(0, t - width + 1)  # the first window that reaches beyond the prefix
                most_RF = convolution(x_REL[:, :, first : used + width]).amax(2)
                if t >= width:
                    most_RF = torch.maximum(most_RF, inside[b, :, t - width].repeat(N, 1))
                maxima.append(most_RF)
            labels_R = None if labels_B is None else labels_B[b].repeat(N)
            verdicts_TNB[t - 1][:, b] = self._verdict(torch.cat(maxima, 1), labels_R).view(N, -1)
        return verdicts_B, verdicts_TNB

    @property
    def last_layer(self) -> nn.Module:
        """What turns features into verdicts."""
        return self.output

    def _maxima(self, x_BLE: Tensor, used: int) -> Tensor:
        """The largest response of every filter (B, F)."""
        x_BEL = x_BLE.transpose(1, 2)
        return torch.cat(
            [
                # All words, and one window of pads alone if there is any.
                convolution(x_BEL[:, :, : used + width]).max(2).values
                for width, convolution in zip(self.widths, self.convolutions, strict=True)
            ],
            dim=1,
        )

    def _verdict(self, maxima_BF: Tensor, labels_B: Tensor | None) -> Tensor:
        f_BF = torch.relu(maxima_BF + self.bias)
        change_BF, gate_BF = self.highway(f_BF).chunk(2, dim=1)
        gate_BF = gate_BF.sigmoid()
        f_BF = self.dropout(gate_BF * change_BF.relu() + (1 - gate_BF) * f_BF)
        verdict_B = self.output(f_BF)[:, 0]
        if self.label is not None:
            assert labels_B is not None, "a discriminator with labels needs one for each sentence"
            verdict_B = verdict_B + (self.label(labels_B) * f_BF).sum(1)
        return verdict_B


def _used(tokens_BL: Tensor) -> int:
    """Positions up to the last word of the longest sentence; all where asking would cost time."""
    if tokens_BL.device.type != "cpu":
        return tokens_BL.shape[1]
    return int((tokens_BL != PAD).any(0).sum())
