"""The two LSTMs of a text GAN, and how the generator writes.

Shape suffixes: B sentences, L token positions, V vocabulary, E embedding, H hidden, Z latents.

A sentence is its words, one eos, then pads. The generator cannot write pad, bos or unk.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.data.vocabulary import BOS, EOS, PAD, UNK
from multigan.nn.network import Network

State = tuple[Tensor, Tensor]
Choose = Callable[[Tensor, int], Tensor]


class LSTMGenerator(Network):
    """Next-word distributions of sentences whose theme is a noise vector.

    The latents set the first hidden and cell state and are read again with every word, so that a
    long sentence does not forget them.

    Args:
        vocabulary_size: V, the four special tokens included.
        embedding: E.
        hidden: H of each layer.
        latents: Z.
        layers: stacked LSTM layers.
    """

    blocked_V: Tensor

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding: int = 64,
        hidden: int = 256,
        latents: int = 32,
        layers: int = 1,
    ) -> None:
        super().__init__()
        self.latents = latents
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.state = nn.Linear(latents, 2 * layers * hidden)
        self.lstm = nn.LSTM(embedding + latents, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary_size)
        blocked_V = torch.zeros(vocabulary_size)
        blocked_V[[PAD, BOS, UNK]] = float("-inf")
        self.register_buffer("blocked_V", blocked_V, persistent=False)

    def forward(self, tokens_BL: Tensor, latents_BZ: Tensor) -> Tensor:
        """Logits (B, L, V) of every next token, given the true tokens before it.

        Args:
            tokens_BL: sentences with eos and pads, without bos.
            latents_BZ: noise, one vector a sentence.
        """
        before_BL = F.pad(tokens_BL[:, :-1], (1, 0), value=BOS)
        x_BLE = self._with_latents(self.embedding(before_BL), latents_BZ)
        h_BLH, _ = self.lstm(x_BLE, self.start(latents_BZ))
        return self._logits(h_BLH)

    def start(self, latents_BZ: Tensor) -> State:
        """The first hidden and cell state, each (layers, B, H)."""
        B = latents_BZ.shape[0]
        states = self.state(latents_BZ).tanh().view(B, self.lstm.num_layers, 2, -1)
        hidden, cell = states.permute(2, 1, 0, 3).contiguous()
        return hidden, cell

    def step(self, before_B: Tensor, latents_BZ: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (B, V) of the next token and the next state, given the token before.

        Args:
            before_B: the last token, bos at the beginning.
            latents_BZ: noise.
            state: from `start` or from the step before.
        """
        x_B1E = self._with_latents(self.embedding(before_B)[:, None], latents_BZ)
        h_B1H, state = self.lstm(x_B1E, state)
        return self._logits(h_B1H[:, 0]), state

    def _logits(self, h: Tensor) -> Tensor:
        # Blocked in the bias: adding to (B, L, V) logits would cost another pass over them.
        return F.linear(h, self.output.weight, self.output.bias + self.blocked_V)

    @staticmethod
    def _with_latents(x_BLE: Tensor, latents_BZ: Tensor) -> Tensor:
        z_BLZ = latents_BZ[:, None].expand(-1, x_BLE.shape[1], -1).to(x_BLE.dtype)
        return torch.cat([x_BLE, z_BLZ], dim=2)


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
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding: int = 64,
        hidden: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.read = nn.Embedding(vocabulary_size, embedding)
        self.judged = nn.Embedding(vocabulary_size, embedding)
        # At the usual unit variance the first verdicts would be noise of size sqrt(E).
        nn.init.normal_(self.read.weight, std=0.3)
        nn.init.normal_(self.judged.weight, std=0.3)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.head = nn.Sequential(
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, embedding + 1),
        )

    def forward(self, tokens_BL: Tensor, rows_BLV: Tensor | None = None) -> Tensor:
        """Verdicts (B, L), larger for more real; 0 at pads.

        Args:
            tokens_BL: sentences with eos and pads.
            rows_BLV: the same words as one-hot rows through which a gradient is wanted.
        """
        return self.judge(*self.embed(tokens_BL, rows_BLV), tokens_BL)

    def embed(self, tokens_BL: Tensor, rows_BLV: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Words before each position, as read, and words at it, as judged: twice (B, L, E)."""
        read_BLE = self.read(F.pad(tokens_BL[:, :-1], (1, 0), value=BOS))
        if rows_BLV is None:
            return read_BLE, self.judged(tokens_BL)
        return read_BLE, rows_BLV @ self.judged.weight.to(rows_BLV.dtype)

    def judge(self, read_BLE: Tensor, judged_BLE: Tensor, tokens_BL: Tensor) -> Tensor:
        """Verdicts (B, L) of embedded words; the tokens say where the sentences end."""
        h_BLH, _ = self.lstm(self.dropout(read_BLE))
        u_BLE, b_BL1 = self.head(h_BLH).split([judged_BLE.shape[2], 1], dim=2)
        verdicts_BL = (u_BLE * judged_BLE).sum(2) + b_BL1[:, :, 0]
        return verdicts_BL * (tokens_BL != PAD)


@torch.no_grad()
def write(
    generator: LSTMGenerator, latents_BZ: Tensor, choose: Choose, *, max_length: int
) -> Tensor:
    """Sentences (B, max_length + 1), word by word: words, eos, pads.

    A sentence that does not come to its end within ``max_length + 1`` tokens has no eos.

    Args:
        generator: knows what may come next.
        latents_BZ: noise, one vector a sentence.
        choose: (logits (B, V), position) -> tokens (B,).
        max_length: most words.
    """
    state = generator.start(latents_BZ)
    token_B = torch.full((len(latents_BZ),), BOS, device=latents_BZ.device)
    alive_B = torch.ones_like(token_B, dtype=torch.bool)
    tokens = []
    for position in range(max_length + 1):
        logits_BV, state = generator.step(token_B, latents_BZ, state)
        # Eos is absorbing: whatever is drawn after it becomes a pad.
        token_B = torch.where(alive_B, choose(logits_BV, position), PAD)
        alive_B = alive_B & (token_B != EOS)
        tokens.append(token_B)
    return torch.stack(tokens, dim=1)


def by_chance(uniforms_BL: Tensor, *, temperature: float = 1.0) -> Choose:
    """Draws from softmax(logits / temperature) with one uniform number a token (inverse CDF).

    Args:
        uniforms_BL: in [0, 1).
        temperature: 0 takes the likeliest token.
    """

    def choose(logits_BV: Tensor, position: int) -> Tensor:
        if temperature == 0:
            return logits_BV.argmax(1)
        cdf_BV = (logits_BV.float() / temperature).softmax(1).cumsum(1)
        # Scaled by the last entry, which rounding leaves a little off 1. To the right of equal
        # entries: a uniform of exactly 0 must not pick a blocked token.
        marks_B1 = uniforms_BL[:, position, None] * cdf_BV[:, -1:]
        found_B1 = torch.searchsorted(cdf_BV, marks_B1, right=True)
        # A mark that rounds up to the whole sum lies behind the last token.
        likeliest_B = logits_BV.argmax(1)
        return torch.where(found_B1[:, 0] < cdf_BV.shape[1], found_B1[:, 0], likeliest_B)

    return choose


def by_gumbel(gumbel_BLV: Tensor) -> Choose:
    """Draws from softmax(logits) as the largest of logits + Gumbel noise."""

    def choose(logits_BV: Tensor, position: int) -> Tensor:
        return (logits_BV + gumbel_BLV[:, position]).argmax(1)

    return choose


NETWORKS = {"lstm-generator": LSTMGenerator, "lstm-discriminator": LSTMDiscriminator}
