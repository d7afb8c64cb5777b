"""RelGAN's discriminator: the same filters run along many thin views of a sentence.

Shape suffixes: B sentences, L token positions, V vocabulary, E embedding, R representations, C =
E / R channels of one of them, K = B R sentences in one of them, F features (filters of all widths),
W width of a filter, I = C W numbers that it sees.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.data.vocabulary import PAD
from multigan.nn.network import Network
from multigan.plugins.text.relaxation import Rows


class MultiRepresentationDiscriminator(Network):
    """Many verdicts on a sentence, each from another embedding (Nie, Narodytska and Patel 2019).

    The words are embedded R times, each time into few numbers; here that is one embedding cut into
    R slices. All slices go through the same convolutions, maximum over time, highway layer and
    verdict. A generator that has fooled one representation still learns from the others.

    Pads are zero vectors without gradient. Every sentence is followed by enough of them for the
    widest filter: the shortest one fills it, and further pads change nothing.

    Args:
        vocabulary_size: V.
        embedding: E, of all representations together.
        representations: R, a divisor of E.
        widths: words in a filter's window.
        filters: number of filters of each width.
        dropout: share of the features that are dropped in training.
        labels: number of labels; then the match of label and features counts as well (a projection
            discriminator, Miyato and Koyama 2018).

    Raises:
        ValueError: the embedding cannot be cut into equal slices, or widths and filters differ in
            number.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding: int = 64,
        representations: int = 64,
        widths: Sequence[int] = (2, 3, 4, 5),
        filters: Sequence[int] = (300, 300, 300, 300),
        dropout: float = 0.25,
        labels: int = 0,
    ) -> None:
        super().__init__()
        if embedding % representations:
            raise ValueError(
                f"embedding {embedding} must be a multiple of representations {representations}"
            )
        C, features = embedding // representations, sum(filters)
        self.representations = representations
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(C, n, w, bias=False) for w, n in zip(widths, filters, strict=True)
        )
        self.bias = nn.Parameter(torch.zeros(features))
        self.highway = nn.Linear(features, 2 * features)
        nn.init.constant_(self.highway.bias[features:], -2.0)  # at first the features pass through
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(features, 1)
        self.label = nn.Embedding(labels, features) if labels else None
        if self.label is not None:
            # As small as the weights of `output`, or labels alone would decide the first verdicts.
            nn.init.normal_(self.label.weight, std=(3 * features) ** -0.5)

    def forward(
        self,
        tokens_BL: Tensor,
        rows_BLV: Rows | None = None,
        labels_B: Tensor | None = None,
    ) -> Tensor:
        """Verdicts (B, R), larger for more real.

        Args:
            tokens_BL: sentences with eos and pads.
            rows_BLV: the same words as one-hot or soft rows through which a gradient is wanted.
            labels_B: their labels, where there are labels.
        """
        return self.judge(self.embed(tokens_BL, rows_BLV), tokens_BL, labels_B)

    def embed(self, tokens_BL: Tensor, rows_BLV: Rows | None = None) -> Tensor:
        """Words as vectors (B, L, E), pads too."""
        if rows_BLV is None:
            return self.embedding(tokens_BL)
        return rows_BLV @ self.embedding.weight.to(rows_BLV.dtype)

    def judge(self, x_BLE: Tensor, tokens_BL: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Verdicts (B, R) of embedded words; the tokens say where the sentences end."""
        x_BLE = x_BLE * (tokens_BL != PAD)[:, :, None]
        x_BLRC = x_BLE.unflatten(2, (self.representations, -1))
        x_KLC = x_BLRC.transpose(1, 2).flatten(0, 1)
        largest = [_largest(x_KLC, weight_FCW) for weight_FCW in self.convolutions.parameters()]
        # Bias and ReLU are monotone: after the maximum they do the same to fewer numbers.
        f_KF = (torch.cat(largest, dim=1) + self.bias).relu()
        change_KF, gate_KF = self.highway(f_KF).chunk(2, dim=1)
        gate_KF = gate_KF.sigmoid()
        f_KF = self.dropout(gate_KF * change_KF.relu() + (1 - gate_KF) * f_KF)
        f_BRF = f_KF.unflatten(0, (-1, self.representations))
        verdicts_BR = self.output(f_BRF)[:, :, 0]
        if self.label is not None:
            assert labels_B is not None, "a discriminator with labels needs one for each sentence"
            verdicts_BR = verdicts_BR + (f_BRF * self.label(labels_B)[:, None]).sum(2)
        return verdicts_BR

    def sentence(self, tokens_BL: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """One verdict a sentence, (B,): the mean over representations."""
        return self(tokens_BL, None, labels_B).mean(1)

    @property
    def last_layer(self) -> nn.Module:
        """What turns features into verdicts."""
        return self.output


def _largest(x_KLC: Tensor, weight_FCW: Tensor) -> Tensor:
    """Each filter's largest answer at any position, (K, F).

    A convolution and the maximum over its (K, L, F) answers, which are many and nearly all dropped.
    So the positions are tried one after the other and without gradient; then the answer at the best
    one is computed again, with gradient. On a CPU that is twice as fast.
    """
    weight_FI, width = weight_FCW.flatten(1), weight_FCW.shape[2]
    x_KLI = F.pad(x_KLC, (0, 0, 0, width)).unfold(1, width, 1).flatten(2)
    with torch.no_grad():
        largest_KF = x_KLI[:, 0] @ weight_FI.T
        where_KF = torch.zeros_like(largest_KF, dtype=torch.int16)
        for position in range(1, x_KLI.shape[1]):
            answers_KF = x_KLI[:, position] @ weight_FI.T
            where_KF.masked_fill_(answers_KF > largest_KF, position)
            largest_KF = torch.maximum(largest_KF, answers_KF)
    where_KFI = where_KF.long()[:, :, None].expand(-1, -1, x_KLI.shape[2])
    return (x_KLI.gather(1, where_KFI) * weight_FI).sum(2)
