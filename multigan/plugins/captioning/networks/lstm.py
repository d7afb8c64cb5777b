"""The caption generator: an LSTM that looks at the picture again at every word.

Shape suffixes: B pictures, K captions of each, L token positions, V vocabulary, E embedding, H
hidden, N cells of the grid, D features of a cell, M heads of attention, Z latents, X noise.

A caption is its words, one eos, then pads. The generator cannot write pad, bos or unk.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.data.vocabulary import BOS, PAD, UNK
from multigan.nn.network import Network


@dataclass(frozen=True)
class Sight:
    """Pictures as the generator sees them: what is there whatever the words are.

    Attributes:
        keys_BMND: what each cell answers to, for each head of attention.
        values_BMND: what is seen in it.
        mean_BD: the mean cell.
        noise_BKX: what the latents add to the first state and to every word.
    """

    keys_BMND: Tensor
    values_BMND: Tensor
    mean_BD: Tensor
    noise_BKX: Tensor


@dataclass(frozen=True)
class State:
    """What the generator remembers of the words so far.

    Attributes:
        hidden_BKH: of the LSTM.
        cell_BKH: of the LSTM.
        seen_BKD: what it saw last.
        told_BKN: which cells it has spoken of, 0 to 1.
    """

    hidden_BKH: Tensor
    cell_BKH: Tensor
    seen_BKD: Tensor
    told_BKN: Tensor

    def first(self, count: int) -> State:
        """The same for the first captions of each picture."""
        return State(*(part[:, :count] for part in self.parts))

    def pick(self, which_BK: Tensor) -> State:
        """The same for captions by number, for example those that a beam keeps."""
        return State(
            *(part.gather(1, which_BK[..., None].expand(-1, -1, part.shape[2]))
              for part in self.parts)
        )  # fmt: skip

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """The four tensors."""
        return self.hidden_BKH, self.cell_BKH, self.seen_BKD, self.told_BKN


class AttentionGenerator(Network):
    """Next-word distributions of captions of a picture.

    At each word the LSTM reads the word before and what was seen then; its new state says where to
    look (soft attention as in Show, Attend and Tell, Xu et al. 2015, with several heads), and two
    fully connected layers make the next word of the state and of what is seen there. In the paper
    the state looks before it has read the last word; here after, so that "a red" looks for red. And
    it marks the cells that it has spoken of, and may look for others (or the same): "a red circle
    left of ..." goes on with another thing (a coverage, as in Tu et al. 2016).

    The weights of the noise begin at zero: likelihood has no use for it, and what the game makes of
    it starts from the pretrained generator, undisturbed.

    Args:
        vocabulary_size: V, the four special tokens included.
        features: D of the grid, a multiple of the heads.
        embedding: E.
        hidden: H of the LSTM and of the layer before the last.
        heads: M of the attention.
        latents: Z; 0 leaves all chance to the drawing of words.
        dropout: share of the features before both fully connected layers dropped in training.
    """

    blocked_V: Tensor

    def __init__(
        self,
        *,
        vocabulary_size: int,
        features: int,
        embedding: int = 128,
        hidden: int = 256,
        heads: int = 4,
        latents: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if features % heads:
            raise ValueError(f"{features} features cannot be shared by {heads} heads")
        self.latents, self.hidden, self.heads = latents, hidden, heads
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.begin = nn.Linear(features, 2 * hidden)
        self.noise = nn.Linear(latents, 2 * hidden + embedding, bias=False)
        nn.init.zeros_(self.noise.weight)
        self.cell = nn.LSTMCell(embedding + features, hidden)
        self.keys_values = nn.Linear(features, 2 * features)
        self.query = nn.Linear(hidden, features, bias=False)
        self.marks = nn.Linear(hidden, 1 + heads)
        nn.init.zeros_(self.marks.weight)
        nn.init.zeros_(self.marks.bias)
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Linear(hidden + features, hidden)
        self.output = nn.Linear(hidden, vocabulary_size)
        blocked_V = torch.zeros(vocabulary_size)
        blocked_V[[PAD, BOS, UNK]] = float("-inf")
        self.register_buffer("blocked_V", blocked_V, persistent=False)

    def forward(
        self, tokens_BKL: Tensor, grid_BND: Tensor, latents_BKZ: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What the last layer sees of every token, and where the generator looked.

        Args:
            tokens_BKL: captions with eos and pads, without bos.
            grid_BND: the pictures.
            latents_BKZ: noise, one vector a caption.

        Returns:
            features (B, K, L, H), and attention (B, K, L, N) that sums to 1; both 0 at pads.
        """
        # The longest caption of each picture first: no step is taken for what is pads only.
        lengths_BK = (tokens_BKL != PAD).sum(2)
        order_BK = lengths_BK.argsort(dim=1, descending=True, stable=True)
        back_BK = order_BK.argsort(dim=1)
        K, L = tokens_BKL.shape[1:]
        longest_K = lengths_BK.gather(1, order_BK).amax(0).tolist()
        tokens_BKL = _rows(tokens_BKL, order_BK)
        sight = self.look(grid_BND, _rows(latents_BKZ, order_BK))
        state, before_BK = self.start(sight), torch.full_like(tokens_BKL[:, :, 0], BOS)
        features, attention = [], []
        for position in range(longest_K[0]):
            count = sum(length > position for length in longest_K)
            h_BKH, state, seen_BKN = self.advance(before_BK[:, :count], sight, state.first(count))
            before_BK = tokens_BKL[:, :, position]
            real_BK1 = (before_BK[:, :count] != PAD)[:, :, None]
            missing = (0, 0, 0, K - count)
            features.append(F.pad(h_BKH * real_BK1, missing))
            attention.append(F.pad(seen_BKN * real_BK1, missing))
        missing = (0, 0, 0, L - longest_K[0])
        h_BKLH = F.pad(torch.stack(features, dim=2), missing)
        attention_BKLN = F.pad(torch.stack(attention, dim=2), missing)
        return _rows(h_BKLH, back_BK), _rows(attention_BKLN, back_BK)

    def look(self, grid_BND: Tensor, latents_BKZ: Tensor) -> Sight:
        """All that does not depend on words, once for all captions of a picture."""
        B, N, D = grid_BND.shape
        both = self.keys_values(grid_BND).view(B, N, 2, self.heads, D // self.heads)
        keys_BMND, values_BMND = both.permute(2, 0, 3, 1, 4)
        return Sight(keys_BMND, values_BMND, grid_BND.mean(1), self.noise(latents_BKZ))

    def start(self, sight: Sight) -> State:
        """The state before the first word."""
        first_BKX = self.begin(sight.mean_BD)[:, None] + sight.noise_BKX[..., : 2 * self.hidden]
        hidden_BKH, cell_BKH = first_BKX.tanh().chunk(2, dim=2)
        K = hidden_BKH.shape[1]
        B, _, N, _ = sight.keys_BMND.shape
        told_BKN = hidden_BKH.new_zeros(B, K, N)
        return State(hidden_BKH, cell_BKH, sight.mean_BD[:, None].expand(-1, K, -1), told_BKN)

    def advance(
        self, before_BK: Tensor, sight: Sight, state: State
    ) -> tuple[Tensor, State, Tensor]:
        """Features (B, K, H) of the next token, the next state, and where it looked (B, K, N).

        Args:
            before_BK: the last tokens, bos at the beginning.
            sight: from `look`.
            state: from `start` or from the step before.
        """
        B, K = before_BK.shape
        word_BKE = self.embedding(before_BK) + sight.noise_BKX[:, :K, 2 * self.hidden :]
        inputs = torch.cat([word_BKE, state.seen_BKD], dim=2).flatten(0, 1)
        memory = (state.hidden_BKH.flatten(0, 1), state.cell_BKH.flatten(0, 1))
        hidden_BKH, cell_BKH = (part.view(B, K, -1) for part in self.cell(inputs, memory))
        query_BMKD = self.query(hidden_BKH).view(B, K, self.heads, -1).transpose(1, 2)
        energy_BMKN = query_BMKD @ sight.keys_BMND.transpose(2, 3) * query_BMKD.shape[3] ** -0.5
        tell_BK1, told_BKM = self.marks(hidden_BKH).split([1, self.heads], dim=2)
        energy_BMKN = energy_BMKN + told_BKM.transpose(1, 2)[..., None] * state.told_BKN[:, None]
        attention_BMKN = energy_BMKN.softmax(3)
        look_BKN = attention_BMKN.mean(1)
        # Nothing is told twice over, and a large thing is told of as much as a small one.
        new_BKN = (1 - state.told_BKN) * look_BKN / look_BKN.amax(2, keepdim=True)
        told_BKN = state.told_BKN + tell_BK1.sigmoid() * new_BKN
        seen_BKD = (attention_BMKN @ sight.values_BMND).transpose(1, 2).flatten(2)
        h_BKH = self.mix(self.dropout(torch.cat([hidden_BKH, seen_BKD], dim=2))).relu()
        after = State(hidden_BKH, cell_BKH, seen_BKD, told_BKN)
        return self.dropout(h_BKH), after, look_BKN

    def logits(self, features: Tensor) -> Tensor:
        """The last layer: (..., H) to (..., V)."""
        return F.linear(features, self.output.weight, self.output.bias + self.blocked_V)


def _rows(x_BKX: Tensor, which_BK: Tensor) -> Tensor:
    """Captions of each picture in another order; further dimensions are kept."""
    pictures_B1 = torch.arange(len(x_BKX), device=x_BKX.device)[:, None]
    return x_BKX[pictures_B1, which_BK]
