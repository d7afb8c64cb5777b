"""Motion: a recurrent network that turns fresh noise and a category into a course of states.

Shape suffixes: B clips, T frames, M motion, K categories.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from multigan.plugins.video.networks.parts import one_hot


class Motion(nn.Module):
    """MoCoGAN's R_M: h_t = GRU([noise_t, category], h_{t-1}) (Tulyakov et al. 2018, section 3).

    The category enters here and not at the pictures, which is the paper's best row (table 4): it
    says how things move, and the content says what they look like.

    Args:
        size: M, of a state and of the noise of each frame.
        categories: K; 0 without.
    """

    def __init__(self, size: int, categories: int) -> None:
        super().__init__()
        self.categories = categories
        self.cell = nn.GRU(size + categories, size, batch_first=True)

    def forward(self, noise_BTM: Tensor, category_B: Tensor | None = None) -> Tensor:
        """States (B, T - 1, M) of T - 1 frames; the first noise is the state before them.

        Args:
            noise_BTM: standard normal.
            category_B: numbers, or shares of the categories (B, K).
        """
        # In fp32: it costs nothing, and rounding would add up over many frames.
        with torch.autocast(noise_BTM.device.type, enabled=False):
            start_1BM, input_BTI = noise_BTM[:, 0].float()[None], noise_BTM[:, 1:].float()
            if self.categories and category_B is not None:
                category_BTK = one_hot(category_B, self.categories)[:, None].expand(
                    -1, input_BTI.shape[1], -1
                )
                input_BTI = torch.cat([input_BTI, category_BTK], dim=2)
            states_BTM, _ = self.cell(input_BTI, start_1BM.contiguous())
        return states_BTM
