"""RelGAN's generator: a recurrent network whose state is a small memory.

RelGAN: Nie, Narodytska and Patel 2019. Relational memory core: Santoro et al. 2018. The memory has
a few slots; with every word each slot attends to all slots and to the word, and gates decide how
much of it is written over.

Shape suffixes: B sentences, L token positions, V vocabulary, E embedding, C numbers of the theme, N
slots, M = N + 1 slots and word, S numbers of a slot, G = 2S its gates, H = N S features, A heads, D
numbers of a head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.data.vocabulary import BOS
from multigan.nn.network import Network
from multigan.plugins.text.networks.lstm import blocked
from multigan.plugins.text.networks.themes import with_theme
from multigan.plugins.text.writing import State


class RelationalGenerator(Network):
    """Next-word distributions of sentences on a theme.

    The theme is read with every word, so that a long sentence does not forget it. The memory starts
    the same for all sentences.

    Args:
        vocabulary_size: V, the four special tokens included.
        embedding: E.
        latents: size of the noise vector in the theme; 0 leaves all chance to the drawing of words.
        labels: number of labels in the theme.
        slots: N. RelGAN found one to be enough for sentences.
        heads: A.
        head_size: D.
        ends: whether it can write eos; otherwise all sentences have the same length.
    """

    blocked_V: Tensor

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding: int = 32,
        latents: int = 0,
        labels: int = 0,
        slots: int = 1,
        heads: int = 2,
        head_size: int = 256,
        ends: bool = True,
    ) -> None:
        super().__init__()
        self.latents, self.labels = latents, labels
        size = heads * head_size
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.input = nn.Linear(embedding + latents + labels, size)
        # The identity tells the slots apart: equal ones would stay equal for ever.
        self.first_NS = nn.Parameter(torch.eye(slots, size))
        self.core = _MemoryCore(size=size, heads=heads)
        self.output = nn.Linear(slots * size, vocabulary_size)
        self.register_buffer("blocked_V", blocked(vocabulary_size, ends=ends), persistent=False)

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
        # What does not depend on the memory is computed for all positions at once.
        positions = [part.unbind(1) for part in self._read(before_BL, theme_BC)]
        (memory_BNS,) = self.start(theme_BC)
        memories = []
        for keys_BS, values_BS, gates_BG in zip(*positions, strict=True):
            memory_BNS = self.core(memory_BNS, keys_BS, values_BS, gates_BG)
            memories.append(memory_BNS.flatten(1))
        return torch.stack(memories, dim=1)

    def start(self, theme_BC: Tensor) -> State:
        """The first memory, (B, N, S)."""
        return (self.first_NS.expand(len(theme_BC), -1, -1),)

    def advance(self, before_B: Tensor, theme_BC: Tensor, state: State) -> tuple[Tensor, State]:
        """Features (B, H) of the next token and the next state, given the token before.

        Args:
            before_B: the last token, bos at the beginning.
            theme_BC: as in `forward`.
            state: from `start` or from the step before.
        """
        word = [part[:, 0] for part in self._read(before_B[:, None], theme_BC)]
        memory_BNS = self.core(*state, *word)
        return memory_BNS.flatten(1), (memory_BNS,)

    def logits(self, features: Tensor) -> Tensor:
        """The last layer: (..., H) to (..., V)."""
        # Blocked in the bias: adding to (B, L, V) logits would cost another pass over them.
        return F.linear(features, self.output.weight, self.output.bias + self.blocked_V)

    def _read(self, before_BL: Tensor, theme_BC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.core.read(self.input(with_theme(self.embedding(before_BL), theme_BC)))


class _MemoryCore(nn.Module):
    """How a word x changes the memory M (Santoro et al. 2018, section 3).

        M' = norm(M + attention of M over [M; x])
        M" = norm(M' + mlp(M'))                     each slot by itself
        i, f = W x + U tanh(M) + (0, 1)             the 1 lets the memory last at first
        M  <- sigmoid(i) tanh(M") + sigmoid(f) M

    As in RelGAN the output layer reads M itself; there is no output gate.
    """

    def __init__(self, *, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention = nn.Linear(size, 3 * size)  # queries, keys, values
        self.norm_attention, self.norm_mlp = nn.LayerNorm(size), nn.LayerNorm(size)
        self.mlp = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, size))
        self.gates_word = nn.Linear(size, 2 * size)
        self.gates_memory = nn.Linear(size, 2 * size, bias=False)
        nn.init.zeros_(self.gates_word.bias[:size])
        nn.init.ones_(self.gates_word.bias[size:])

    def read(self, x_BLS: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What words contribute: keys and values (B, L, S), and the terms W x (B, L, G)."""
        size = x_BLS.shape[2]  # words ask no queries
        weight, bias = self.attention.weight[size:], self.attention.bias[size:]
        keys_BLS, values_BLS = F.linear(x_BLS, weight, bias).chunk(2, dim=2)
        return keys_BLS, values_BLS, self.gates_word(x_BLS)

    def forward(
        self, memory_BNS: Tensor, keys_BS: Tensor, values_BS: Tensor, gates_BG: Tensor
    ) -> Tensor:
        """The memory (B, N, S) after a word, given what `read` says of it."""
        queries_BNS, keys_BNS, values_BNS = self.attention(memory_BNS).chunk(3, dim=2)
        keys_BAMD = self._by_head(torch.cat([keys_BNS, keys_BS[:, None]], dim=1))
        values_BAMD = self._by_head(torch.cat([values_BNS, values_BS[:, None]], dim=1))
        # Written out, as torch's fused attention has no second derivative.
        queries_BAND = self._by_head(queries_BNS) * keys_BAMD.shape[3] ** -0.5
        weights_BANM = (queries_BAND @ keys_BAMD.transpose(2, 3)).softmax(3)
        heard_BAND = weights_BANM @ values_BAMD
        new_BNS = self.norm_attention(memory_BNS + heard_BAND.transpose(1, 2).flatten(2))
        new_BNS = self.norm_mlp(new_BNS + self.mlp(new_BNS))
        gates_BNG = gates_BG[:, None] + self.gates_memory(memory_BNS.tanh())
        write_BNS, keep_BNS = gates_BNG.sigmoid().chunk(2, dim=2)
        return write_BNS * new_BNS.tanh() + keep_BNS * memory_BNS

    def _by_head(self, x_BNS: Tensor) -> Tensor:
        return x_BNS.unflatten(2, (self.heads, -1)).transpose(1, 2)
