"""Monte-Carlo rollouts: what a word is worth is how sentences that begin with it end (SeqGAN).

The reward of word t of a sentence is the mean verdict on N completions of its first t words, drawn
from a rollout policy (Yu et al. 2017). Completing every prefix of every sentence by itself reads
every prefix anew and takes 1 + 2 + ... + L small steps. Here all completions of all prefixes are
written in one loop over the positions: the rollout policy reads the sentences once, and its state
after t words is where the completions of prefix t begin. The distribution is the same, the random
numbers are not.

Shape suffixes: B sentences, L token positions, N rollouts, T = L - 1 prefixes, R rows of a batch of
completions, C theme.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from multigan.data.vocabulary import BOS, EOS, PAD
from multigan.plugins.text.writing import Generator, draw


def uniforms_needed(length: int) -> int:
    """Random numbers for each sentence and rollout: one for every word that is to be drawn."""
    return length * (length - 1) // 2


@torch.no_grad()
def complete(
    generator: Generator, tokens_BL: Tensor, theme_BC: Tensor, uniforms_BNU: Tensor
) -> Tensor:
    """All prefixes of sentences, completed.

    Args:
        generator: the rollout policy.
        tokens_BL: sentences with eos and pads.
        theme_BC: their themes.
        uniforms_BNU: in [0, 1), U = `uniforms_needed(L)`.

    Returns:
        int64 (T, N, B, L): ``[t - 1, n, b]`` begins with the first t tokens of sentence b. Where
        those hold its eos, it is the sentence.
    """
    B, L = tokens_BL.shape
    N, T = uniforms_BNU.shape[1], L - 1
    written_TNBL = tokens_BL.new_full((T, N, B, L), PAD)
    for t in range(1, L):
        written_TNBL[t - 1, :, :, :t] = tokens_BL[:, :t]
    written_RL = written_TNBL.view(T * N * B, L)
    # Sentences that have ended need no more words. On a CPU they leave the batch; elsewhere asking
    # which they are would stall the device, and their words become pads.
    leaves = tokens_BL.device.type == "cpu"

    state = generator.start(theme_BC)
    before_B = torch.full_like(tokens_BL[:, 0], BOS)
    rows_R = torch.empty(0, dtype=torch.long, device=tokens_BL.device)  # completions under way
    states_R = tuple(part[:0] for part in state)
    for position in range(L):
        h_BH, state = generator.advance(before_B, theme_BC, state)
        before_B = tokens_BL[:, position]
        if position == 0:
            continue
        u = uniforms_BNU[:, :, uniforms_needed(position) : uniforms_needed(position + 1)]
        uniforms_R = u.permute(2, 1, 0).reshape(-1)  # as the rows: prefix, rollout, sentence

        if len(rows_R):
            h_RH, states_R = generator.advance(
                written_RL[rows_R, position - 1], theme_BC[rows_R % B], states_R
            )
            drawn_R = draw(generator.logits, h_RH, uniforms_R[rows_R, None])[:, 0]
            written_RL[rows_R, position] = _after_eos(drawn_R, written_RL[rows_R, position - 1])
        # The prefix of `position` words comes in: its N rollouts share their first distribution.
        first = (position - 1) * N * B
        drawn_BN = draw(generator.logits, h_BH, u[:, :, -1])
        drawn_BN = _after_eos(drawn_BN, tokens_BL[:, position - 1, None])
        written_RL[first : first + N * B, position] = drawn_BN.T.reshape(-1)
        come_in = torch.arange(first, first + N * B, device=rows_R.device)
        rows_R = torch.cat([rows_R, come_in])
        states_R = tuple(
            torch.cat([old, new.repeat(N, *[1] * (new.dim() - 1))])
            for old, new in zip(states_R, state, strict=True)
        )
        if leaves:
            last_R = written_RL[rows_R, position]
            go_on = ((last_R != EOS) & (last_R != PAD)).nonzero()[:, 0]
            if len(go_on) < len(rows_R):
                rows_R = rows_R[go_on]
                states_R = tuple(part[go_on] for part in states_R)
    return written_TNBL


@torch.no_grad()
def rollout_rewards(
    generator: Generator,
    tokens_BL: Tensor,
    theme_BC: Tensor,
    judge: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    uniforms_BNU: Tensor,
) -> Tensor:
    """The reward of every word of sentences, (B, L); 0 at pads.

    Args:
        generator: the rollout policy.
        tokens_BL: sentences with eos and pads.
        theme_BC: their themes.
        judge: (sentences (B, L), completions (T, N, B, L)) -> verdicts on both, (B,) and (T, N, B);
            `judge_all` makes one.
        uniforms_BNU: in [0, 1), U = `uniforms_needed(L)`.
    """
    written_TNBL = complete(generator, tokens_BL, theme_BC, uniforms_BNU)
    verdicts_B, verdicts_TNB = judge(tokens_BL, written_TNBL)
    # The last word, or eos, completes the sentence: nothing is left to chance.
    rewards_BL = torch.cat([verdicts_TNB.mean(1), verdicts_B[None]]).T
    ended_BL = (tokens_BL == EOS).cumsum(1) > 0
    rewards_BL = torch.where(ended_BL, verdicts_B[:, None], rewards_BL)
    return rewards_BL * (tokens_BL != PAD)


def judge_all(
    verdict: Callable[..., Tensor], *, chunk: int = 2048
) -> Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]:
    """A judge of sentences (B, L), completions (T, N, B, L) and labels (B,) by a simple verdict.

    Args:
        verdict: sentences (R, L) and their labels (R,) or None -> verdicts (R,); it is called with
            at most ``chunk`` sentences.
        chunk: a bound on memory.
    """

    def judge(
        tokens_BL: Tensor, written_TNBL: Tensor, labels_B: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        T, N, B, L = written_TNBL.shape
        verdicts = []
        for first in range(0, T * N * B, chunk):
            part = written_TNBL.view(-1, L)[first : first + chunk]
            rows = torch.arange(first, first + len(part), device=part.device)
            verdicts.append(verdict(part, None if labels_B is None else labels_B[rows % B]))
        verdicts_TNB = torch.cat(verdicts).view(T, N, B) if verdicts else torch.zeros(T, N, B)
        return verdict(tokens_BL, labels_B), verdicts_TNB

    return judge


def _after_eos(drawn: Tensor, before: Tensor) -> Tensor:
    """Eos is absorbing: what follows it or a pad is a pad."""
    return torch.where((before == EOS) | (before == PAD), PAD, drawn)
