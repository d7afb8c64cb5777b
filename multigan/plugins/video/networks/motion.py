"""Motion: a recurrent network that turns fresh noise and a category into a course of states.

Shape suffixes: B clips, T frames, M motion, E noise, I input, K categories.
"""

from __future__ import annotations

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
    """

    def __init__(self, size: int, noise: int, categories: int) -> None:
        super().__init__()
        self.noise, self.categories = noise, categories
        self.start = nn.Linear(noise + categories, size)
        self.cell = nn.GRU(noise + categories, size, batch_first=True)

    def forward(self, noise_BTE: Tensor, category_B: Tensor | None = None) -> Tensor:
        """States (B, T - 1, M) of T - 1 frames; the first noise makes the state before them.

        Args:
            noise_BTE: standard normal.
            category_B: numbers, or shares of the categories (B, K).
        """
        # In fp32: it costs nothing, and rounding would add up over many frames.
        with torch.autocast(noise_BTE.device.type, enabled=False):
            input_BTI = noise_BTE.float()
            if self.categories and category_B is not None:
                category_B1K = one_hot(category_B, self.categories)[:, None]
                category_BTK = category_B1K.expand(-1, input_BTI.shape[1], -1)
                input_BTI = torch.cat([input_BTI, category_BTK], dim=2)
            start_1BM = self.start(input_BTI[:, 0]).tanh()[None]
            states_BTM, _ = self.cell(input_BTI[:, 1:], start_1BM)
        return states_BTM
