"""The two LSTMs of a text GAN.

Shape suffixes: B sentences, L token positions, V vocabulary, E embedding, H hidden, C theme.

A sentence is its words, one eos, then pads. A generator cannot write pad, bos or unk.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.data.vocabulary import BOS, EOS, PAD, UNK
from multigan.nn.network import Network
from multigan.plugins.text.networks.themes import with_theme
from multigan.plugins.text.relaxation import Rows
from multigan.plugins.text.writing import State


class LSTMGenerator(Network):
    """Next-word distributions of sentences on a theme.

    The theme sets the first hidden and cell state and is read again with every word, so that a long
    sentence does not forget it.

    Args:
        vocabulary_size: V, the four special tokens included.
        embedding: E.
        hidden: H of each layer.
        latents: size of the noise vector in the theme; 0 leaves all chance to the drawing of words.
        labels: number of labels in the theme.
        layers: stacked LSTM layers.
        dropout: share of the features before the last layer that are dropped in training.
        ends: whether it can write eos; otherwise all sentences have the same length.
        init_std: of normal weights; 0 keeps torch's own initialisation.
    """

    blocked_V: Tensor

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding: int = 64,
        hidden: int = 256,
        latents: int = 0,
        labels: int = 0,
        layers: int = 1,
        dropout: float = 0.0,
        ends: bool = True,
        init_std: float = 0.0,
    ) -> None:
        super().__init__()
        self.latents, self.labels = latents, labels
        C = latents + labels
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.state = nn.Linear(C, 2 * layers * hidden) if C else None
        self.lstm = nn.LSTM(embedding + C, hidden, layers, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, vocabulary_size)
        self.register_buffer("blocked_V", blocked(vocabulary_size, ends=ends), persistent=False)
        if init_std:
            for parameter in self.parameters():
                nn.init.normal_(parameter, std=init_std)

    def forward(self, tokens_BL: Tensor, theme_BC: Tensor) -> Tensor:
        """Logits (B, L, V) of every next token, given the true tokens before it.

        Args:
            tokens_BL: sentences with eos and pads, without bos.
            theme_BC: one theme a sentence.
        """
        return self.logits(self.features(tokens_BL, theme_BC))

    def features(self, tokens_BL: Tensor, theme_BC: Tensor) -> Tensor:
        """What the last layer sees, (B, L, H): where pads need no logits, these spare them."""
        before_BL = F.pad(tokens_BL[:, :-1], (1, 0), value=BOS)
        x_BLE = with_theme(self.embedding(before_BL), theme_BC)
        hidden, cell = (s.transpose(0, 1).contiguous() for s in self.start(theme_BC))
        h_BLH, _ = self.lstm(x_BLE, (hidden, cell))
        return self.dropout(h_BLH)

    def start(self, theme_BC: Tensor) -> State:
        """The first hidden and cell state, each (B, layers, H)."""
        B, layers, H = len(theme_BC), self.lstm.num_layers, self.lstm.hidden_size
        if self.state is None:
            return theme_BC.new_zeros(B, layers, H), theme_BC.new_zeros(B, layers, H)
        hidden, cell = self.state(theme_BC).tanh().view(B, layers, 2, H).unbind(2)
        return hidden, cell

    def advance(self, before_B: Tensor, theme_BC: Tensor, state: State) -> tuple[Tensor, State]:
        """Features (B, H) of the next token and the next state, given the token before.

        Args:
            before_B: the last token, bos at the beginning.
            theme_BC: as in `forward`.
            state: from `start` or from the step before.
        """
        x_B1E = with_theme(self.embedding(before_B)[:, None], theme_BC)
        hidden, cell = (s.transpose(0, 1).contiguous() for s in state)
        h_B1H, (hidden, cell) = self.lstm(x_B1E, (hidden, cell))
        return self.dropout(h_B1H[:, 0]), (hidden.transpose(0, 1), cell.transpose(0, 1))

    def logits(self, features: Tensor) -> Tensor:
        """The last layer: (..., H) to (..., V)."""
        # Blocked in the bias: adding to (B, L, V) logits would cost another pass over them.
        return F.linear(features, self.output.weight, self.output.bias + self.blocked_V)


def blocked(vocabulary_size: int, *, ends: bool) -> Tensor:
    """What is added to the logits (V,): -inf for tokens that cannot be written, else 0."""
    blocked_V = torch.zeros(vocabulary_size)
    blocked_V[[PAD, BOS, UNK] + ([] if ends else [EOS])] = float("-inf")
    return blocked_V


class LSTMDiscriminator(Network):
    """Judges every word of a sentence in the light of the words before it.

    An LSTM reads the words; two fully connected layers turn what it knows before position t into a
    vector, and the verdict at t is the inner product of that vector with the embedding of word t
    (a projection discriminator, Miyato and Koyama 2018), plus a number for the beginning itself:

        D_t = <u(x_<t), e(x_t)> + b(x_<t)

    The best such D_t is log p(x_<=t) / q(x_<=t), real against generated beginnings. It is linear in
    the one-hot row of word t: what its gradient says about all the other words is exact, where that
    of a discriminator which looks at whole sentences is an extrapolation to words it did not see.
    The end of a sentence is judged as a word like any other, pads are not seen and get verdict 0.

    Args:
        vocabulary_size: V.
        embedding: E.
        hidden: H of the LSTM and of the layer between the two linear maps.
        dropout: share of the features of the words read that are dropped in training.
        labels: number of labels; one is then read with every word.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding: int = 64,
        hidden: int = 256,
        dropout: float = 0.0,
        labels: int = 0,
    ) -> None:
        super().__init__()
        self.read = nn.Embedding(vocabulary_size, embedding)
        self.judged = nn.Embedding(vocabulary_size, embedding)
        # At the usual unit variance the first verdicts would be noise of size sqrt(E).
        nn.init.normal_(self.read.weight, std=0.3)
        nn.init.normal_(self.judged.weight, std=0.3)
        self.dropout = nn.Dropout(dropout)
        self.label = nn.Embedding(labels, embedding) if labels else None
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.head = nn.Sequential(
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, embedding + 1),
        )

    def forward(
        self,
        tokens_BL: Tensor,
        rows_BLV: Rows | None = None,
        labels_B: Tensor | None = None,
    ) -> Tensor:
        """Verdicts (B, L), larger for more real; 0 at pads.

        Args:
            tokens_BL: sentences with eos and pads.
            rows_BLV: the same words as one-hot rows through which a gradient is wanted.
            labels_B: their labels, where there are labels.
        """
        return self.judge(self.embed(tokens_BL, rows_BLV), tokens_BL, labels_B)

    def embed(self, tokens_BL: Tensor, rows_BLV: Rows | None = None) -> tuple[Tensor, Tensor]:
        """Words before each position, as read, and words at it, as judged: twice (B, L, E)."""
        read_BLE = self.read(F.pad(tokens_BL[:, :-1], (1, 0), value=BOS))
        if rows_BLV is None:
            return read_BLE, self.judged(tokens_BL)
        return read_BLE, rows_BLV @ self.judged.weight.to(rows_BLV.dtype)

    def judge(
        self, words: tuple[Tensor, Tensor], tokens_BL: Tensor, labels_B: Tensor | None = None
    ) -> Tensor:
        """Verdicts (B, L) of embedded words; the tokens say where the sentences end."""
        read_BLE, judged_BLE = words
        if self.label is not None:
            assert labels_B is not None, "a discriminator with labels needs one for each sentence"
            read_BLE = read_BLE + self.label(labels_B)[:, None]
        h_BLH, _ = self.lstm(self.dropout(read_BLE))
        u_BLE, b_BL1 = self.head(h_BLH).split([judged_BLE.shape[2], 1], dim=2)
        verdicts_BL = (u_BLE * judged_BLE).sum(2) + b_BL1[:, :, 0]
        return verdicts_BL * (tokens_BL != PAD)

    def sentence(self, tokens_BL: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """One verdict a sentence, (B,): the one on its last word, where all of it has been read."""
        verdicts_BL = self(tokens_BL, None, labels_B)
        last_B1 = (tokens_BL != PAD).sum(1, keepdim=True) - 1
        return verdicts_BL.gather(1, last_B1)[:, 0]

    @property
    def last_layer(self) -> nn.Module:
        """What turns features into verdicts."""
        return self.head[-1]
