"""How a generator writes: word by word, each drawn from its distribution of the next word.

Shape suffixes: B sentences, L token positions, V vocabulary, H hidden, C theme, N draws, K blocks.

A sentence is its words, one eos, then pads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from multigan.data.vocabulary import BOS, EOS, PAD

State = tuple[Tensor, ...]
"""What a generator remembers of the words so far; every tensor has the sentences first."""

ROWS_ON_CPU = 64  # distributions drawn from at a time: those of 5,000 words then stay in the cache
ROWS = 8192  # on an accelerator, where it is only memory that counts


class Generator(Protocol):
    """What writing needs of a network.

    Attributes:
        latents: size of the noise in a theme.
        labels: number of labels in a theme.
    """

    latents: int
    labels: int

    def __call__(self, tokens_BL: Tensor, theme_BC: Tensor) -> Tensor:
        """Logits (B, L, V) of every next token, given the true tokens before it."""
        ...

    def features(self, tokens_BL: Tensor, theme_BC: Tensor) -> Tensor:
        """The same before the last layer, (B, L, H)."""
        ...

    def start(self, theme_BC: Tensor) -> State:
        """The state before the first word."""
        ...

    def advance(self, before_B: Tensor, theme_BC: Tensor, state: State) -> tuple[Tensor, State]:
        """Features (B, H) of the next token and the next state, given the token before."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """The last layer: features (..., H) to logits (..., V)."""
        ...


Choose = Callable[[Generator, Tensor, int], Tensor]
"""(generator, features (B, H), position) -> tokens (B,)."""


@torch.no_grad()
def write(
    generator: Generator,
    theme_BC: Tensor,
    choose: Choose,
    *,
    length: int,
    prompt: Sequence[int] = (),
) -> Tensor:
    """Sentences (B, length): words, eos, pads; one that does not end in time has no eos.

    Args:
        generator: knows what may come next.
        theme_BC: one theme a sentence.
        choose: draws the tokens, such as `by_chance`.
        length: most tokens.
        prompt: tokens with which every sentence begins.
    """
    B, device = len(theme_BC), theme_BC.device
    tokens_BL = torch.full((B, length), PAD, device=device)
    token_B = torch.full((B,), BOS, device=device)
    alive_B = torch.ones(B, dtype=torch.bool, device=device)
    state = generator.start(theme_BC)
    for position in range(length):
        h_BH, state = generator.advance(token_B, theme_BC, state)
        if position < len(prompt):
            token_B = torch.full((B,), prompt[position], device=device)
        else:
            # Eos is absorbing: whatever is drawn after it becomes a pad.
            token_B = torch.where(alive_B, choose(generator, h_BH, position), PAD)
        alive_B = alive_B & (token_B != EOS)
        tokens_BL[:, position] = token_B
        if device.type == "cpu" and not alive_B.any():  # elsewhere, asking would cost more
            break
    return tokens_BL


def by_chance(
    uniforms_BL: Tensor, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> Choose:
    """Draws with one uniform number a token.

    Args:
        uniforms_BL: in [0, 1).
        temperature: 0 takes the likeliest token.
        top_k: only so many likeliest tokens are possible; 0 is all.
        top_p: only the likeliest tokens that together have this probability are possible.
    """

    def choose(generator: Generator, h_BH: Tensor, position: int) -> Tensor:
        if temperature == 0:
            return torch.cat([generator.logits(h).argmax(1) for h in h_BH.split(rows(h_BH))])
        uniforms_B1 = uniforms_BL[:, position, None]
        last = generator.logits
        drawn_B1 = draw(last, h_BH, uniforms_B1, temperature=temperature, top_k=top_k, top_p=top_p)
        return drawn_B1[:, 0]

    return choose


def draw(
    last_layer: Callable[[Tensor], Tensor],
    h_BH: Tensor,
    uniforms_BN: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Tensor:
    """Tokens (B, N): N draws from each of B distributions of the next token, by inverse CDF.

    A few rows at a time, so that the large arrays never leave the processor's cache: that and one
    random number a token is what makes this several times faster than ``multinomial`` on a CPU.

    Args:
        last_layer: features (R, H) to logits (R, V).
        h_BH: features.
        uniforms_BN: in [0, 1).
        temperature: see `by_chance`, as the others.
        top_k: see there.
        top_p: see there.
    """
    size, drawn = rows(h_BH), []
    for part_BH, part_BN in zip(h_BH.split(size), uniforms_BN.split(size), strict=True):
        logits_BV = last_layer(part_BH).float()
        if temperature != 1:
            logits_BV = logits_BV / temperature
        if top_k or top_p < 1:
            logits_BV = keep_likely(logits_BV, top_k=top_k, top_p=top_p)
        drawn.append(inverse_cdf(logits_BV, part_BN))
    return torch.cat(drawn)


def inverse_cdf(logits_BV: Tensor, uniforms_BN: Tensor) -> Tensor:
    """Tokens (B, N) where the cumulative softmax of each row passes each uniform number.

    In two levels, first a block of tokens, then a token in it: a cumulative sum over a whole row is
    the slowest part where the vocabulary is large.
    """
    B, V = logits_BV.shape
    K = max(1, round(V**0.5))
    S = -(-V // K)
    weights_BV = torch.exp(logits_BV - logits_BV.amax(1, keepdim=True))
    if K * S > V:
        weights_BV = torch.nn.functional.pad(weights_BV, (0, K * S - V))
    weights_BKS = weights_BV.view(B, K, S)
    blocks_BK = weights_BKS.sum(2).cumsum(1)
    # Scaled by the last entry, which rounding leaves a little off the sum of the parts.
    marks_BN = uniforms_BN * blocks_BK[:, -1:]
    # To the right of equal entries: a uniform of exactly 0 must not pick an impossible token.
    block_BN = torch.searchsorted(blocks_BK, marks_BN, right=True).clamp_(max=K - 1)
    block_BN = torch.minimum(block_BN, _last_possible(blocks_BK))
    before_BN = torch.where(block_BN > 0, blocks_BK.gather(1, (block_BN - 1).clamp_(min=0)), 0)
    inside_BNS = weights_BKS.gather(1, block_BN[:, :, None].expand(-1, -1, S)).cumsum(2)
    marks_BN1 = (marks_BN - before_BN)[:, :, None]
    found_BN = torch.searchsorted(inside_BNS, marks_BN1, right=True)[:, :, 0]
    # A mark that rounds up to the sum of its block lies behind the block's last possible token.
    found_BN = torch.minimum(found_BN, _last_possible(inside_BNS)[:, :, 0])
    return block_BN * S + found_BN


def keep_likely(logits_BV: Tensor, *, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """Logits with -inf for all but the likeliest tokens.

    Args:
        logits_BV: logits.
        top_k: so many remain (Fan et al. 2018), more where several are equally likely; 0 is all.
        top_p: the fewest remain that together have this probability (Holtzman et al. 2020).
    """
    ordered_BV = logits_BV.sort(1, descending=True).values
    least_B1 = torch.full_like(ordered_BV[:, :1], float("-inf"))
    if 0 < top_k < logits_BV.shape[1]:
        least_B1 = ordered_BV[:, top_k - 1, None]
    if top_p < 1:
        chances_BV = ordered_BV.softmax(1)
        needed_B1 = (chances_BV.cumsum(1) - chances_BV < top_p).sum(1, keepdim=True)
        least_B1 = torch.maximum(least_B1, ordered_BV.gather(1, needed_B1.clamp(min=1) - 1))
    return logits_BV.masked_fill(logits_BV < least_B1, float("-inf"))


def rows(h_BH: Tensor) -> int:
    """How many distributions to hold at a time."""
    return ROWS_ON_CPU if h_BH.device.type == "cpu" else ROWS


def _last_possible(sums: Tensor) -> Tensor:
    """The last place at which cumulative sums grow, kept as a last dimension of 1."""
    return (sums < sums[..., -1:]).sum(-1, keepdim=True)
