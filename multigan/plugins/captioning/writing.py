"""How captions are written: word by word by chance, or the likeliest ones by beam search.

Shape suffixes: B pictures, K captions of each, L token positions, V vocabulary, N cells, D
features, Z latents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from multigan.data.vocabulary import BOS, EOS, PAD

Choose = Callable[[Tensor, int], Tensor]
"""(logits (B, K, V), position) -> tokens (B, K)."""


@torch.no_grad()
def write(
    generator: Any, grid_BND: Tensor, latents_BKZ: Tensor, choose: Choose, *, length: int
) -> Tensor:
    """Captions (B, K, length): words, eos, pads; one that does not end in time has no eos.

    Args:
        generator: an `AttentionGenerator`.
        grid_BND: the pictures.
        latents_BKZ: noise; it says how many captions there are of each.
        choose: draws the tokens, such as `by_chance`.
        length: most tokens.
    """
    B, K = latents_BKZ.shape[:2]
    tokens_BKL = torch.full((B, K, length), PAD, device=grid_BND.device)
    token_BK = torch.full((B, K), BOS, device=grid_BND.device)
    alive_BK = torch.ones(B, K, dtype=torch.bool, device=grid_BND.device)
    sight = generator.look(grid_BND, latents_BKZ)
    state = generator.start(sight)
    for position in range(length):
        h_BKH, state, _ = generator.advance(token_BK, sight, state)
        # Eos is absorbing: whatever is drawn after it becomes a pad.
        drawn_BK = choose(generator.logits(h_BKH).float(), position)
        token_BK = torch.where(alive_BK, drawn_BK, PAD)
        alive_BK = alive_BK & (token_BK != EOS)
        tokens_BKL[:, :, position] = token_BK
        if grid_BND.device.type == "cpu" and not alive_BK.any():  # elsewhere, asking costs more
            break
    return tokens_BKL


def by_chance(uniforms_BKL: Tensor, *, temperature: float = 1.0) -> Choose:
    """Draws by inverse CDF, with one uniform number in [0, 1) a token; temperature 0 takes the
    likeliest."""

    def choose(logits_BKV: Tensor, position: int) -> Tensor:
        if temperature == 0:
            return logits_BKV.argmax(2)
        sums_BKV = (logits_BKV / temperature).softmax(2).cumsum(2)
        # Scaled by the last entry, which rounding leaves a little off 1.
        marks_BK = uniforms_BKL[:, :, position] * sums_BKV[..., -1]
        # To the right of equal entries: a uniform of exactly 0 must not pick an impossible token.
        drawn_BK = torch.searchsorted(sums_BKV, marks_BK[..., None], right=True)[..., 0]
        return torch.minimum(drawn_BK, (sums_BKV < sums_BKV[..., -1:]).sum(2))

    return choose


def by_gumbel(noise_BKLV: Tensor, *, temperature: float = 1.0) -> Choose:
    """Draws the largest sum of logit and Gumbel noise, so that the noise is known afterwards."""
    return lambda logits_BKV, position: (
        logits_BKV / temperature + noise_BKLV[:, :, position]
    ).argmax(2)


def gumbel(uniforms: Tensor) -> Tensor:
    """Standard Gumbel noise of uniform numbers in [0, 1)."""
    tiny = torch.finfo(torch.float32).tiny
    return -torch.log((-torch.log(uniforms.clamp(min=tiny))).clamp(min=tiny))


@torch.no_grad()
def beam_search(
    generator: Any, grid_BND: Tensor, latents_BZ: Tensor, *, beams: int, length: int
) -> tuple[Tensor, Tensor]:
    """The likeliest captions that a beam finds, best first.

    Args:
        generator: an `AttentionGenerator`.
        grid_BND: the pictures.
        latents_BZ: noise, the same for all captions of a picture.
        beams: K, captions that are followed.
        length: most tokens.

    Returns:
        captions (B, K, length), and the log-probability of each (B, K), -inf where the model knows
        no K different beginnings.
    """
    B, device = len(grid_BND), grid_BND.device
    sight = generator.look(grid_BND, latents_BZ[:, None].expand(-1, beams, -1))
    state = generator.start(sight)
    tokens_BKL = torch.full((B, beams, length), PAD, device=device)
    token_BK = torch.full((B, beams), BOS, device=device)
    ended_BK = torch.zeros(B, beams, dtype=torch.bool, device=device)
    # All beams begin alike: but for the first they would find the same words.
    scores_BK = torch.full((B, beams), float("-inf"), device=device)
    scores_BK[:, 0] = 0.0
    for position in range(length):
        h_BKH, state, _ = generator.advance(token_BK, sight, state)
        logs_BKV = generator.logits(h_BKH).float().log_softmax(2)
        V = logs_BKV.shape[2]
        stay_V = torch.full((V,), float("-inf"), device=device)
        stay_V[PAD] = 0.0  # a caption that has ended goes on as it is
        logs_BKV = torch.where(ended_BK[..., None], stay_V, logs_BKV)
        total_BX = (scores_BK[..., None] + logs_BKV).flatten(1)
        scores_BK, best_BK = total_BX.topk(beams, dim=1)
        from_BK, token_BK = best_BK // V, best_BK % V
        tokens_BKL = tokens_BKL.gather(1, from_BK[..., None].expand(-1, -1, length))
        tokens_BKL[:, :, position] = token_BK
        state = state.pick(from_BK)
        ended_BK = ended_BK.gather(1, from_BK) | (token_BK == EOS)
        if device.type == "cpu" and ended_BK.all():
            break
    return tokens_BKL, scores_BK
