"""Motion: a recurrent network that turns fresh noise and a category into a course of states.

Shape suffixes: B clips, T frames, M motion, E noise, I input, K categories.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from multigan.plugins.video.networks.parts import one_hot


class Motion(nn.Module):
    """MoCoGAN's R_M: h_t = GRU([noise_t, category], h_{t-1}) (Tulyakov et al. 2018, section 3).

    The category enters here and not at the pictures, which is the paper's best row (table 4): it
    says how things move, and the content says what they look like. The state before the first frame
    is made of noise and category too, where the paper draws it: else every motion would have to
    forget it first.

    Args:
        size: M, of a state.
        noise: E, of each frame.
        categories: K; 0 without.
        periods: of a clock that it hears besides, in frames: a sine and a cosine for each, as in
            StyleGAN-V's time encoding. To count is the hardest that a recurrent network can learn,
            and what is known to repeat after so many frames need not be counted.
    """

    def __init__(
        self, size: int, noise: int, categories: int, periods: Sequence[float] = ()
    ) -> None:
        super().__init__()
        self.noise, self.categories, self.periods = noise, categories, tuple(periods)
        inputs = noise + categories + 2 * len(self.periods)
        self.start = nn.Linear(inputs, size)
        self.cell = nn.GRU(inputs, size, batch_first=True)

    def forward(self, noise_BTE: Tensor, category_B: Tensor | None = None) -> Tensor:
        """States (B, T - 1, M) of T - 1 frames; the first noise makes the state before them.

        Args:
            noise_BTE: standard normal.
            category_B: numbers, or shares of the categories (B, K).
        """
        # In fp32: it costs nothing, and rounding would add up over many frames.
        with torch.autocast(noise_BTE.device.type, enabled=False):
            input_BTI = noise_BTE.float()
            B, T, _ = input_BTI.shape
            if self.periods:
                clock_BTP = self._clock(T, input_BTI.device).expand(B, -1, -1)
                input_BTI = torch.cat([input_BTI, clock_BTP], dim=2)
            if self.categories and category_B is not None:
                category_B1K = one_hot(category_B, self.categories)[:, None]
                category_BTK = category_B1K.expand(-1, T, -1)
                input_BTI = torch.cat([input_BTI, category_BTK], dim=2)
            start_1BM = self.start(input_BTI[:, 0]).tanh()[None]
            states_BTM, _ = self.cell(input_BTI[:, 1:], start_1BM)
        return states_BTM

    def _clock(self, steps: int, device: torch.device) -> Tensor:
        """(1, T, 2 P), from one step before the first frame on; mean square 1."""
        times_T1 = torch.arange(-1, steps - 1, device=device)[:, None]
        angles_TP = 2 * math.pi * times_T1 / torch.tensor(self.periods, device=device)
        return math.sqrt(2) * torch.cat([angles_TP.sin(), angles_TP.cos()], dim=1)[None]
