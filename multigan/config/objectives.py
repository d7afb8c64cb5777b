"""Names of the adversarial objectives, readable without torch.

Recipes check names against this table and ``multigan list objectives`` prints it; the formulas
live in ``multigan.losses.adversarial``.
"""

from __future__ import annotations

from typing import Literal

ObjectiveName = Literal[
    "minimax",
    "non-saturating",
    "least-squares",
    "wasserstein",
    "hinge",
    "relativistic",
    "relativistic-average",
]
"""An adversarial objective, as written in a recipe."""

LabelSmoothing = Literal["none", "one-sided", "two-sided"]
"""Targets of the discriminator: 1 and 0, or 0.9 for reals, or 0.9 for reals and 0.1 for fakes."""

OBJECTIVES: dict[str, str] = {
    "minimax": "The original game: the generator minimises log(1 - D(G(z))); its gradient fades "
    "when the discriminator wins (Goodfellow et al. 2014, eq. 1).",
    "non-saturating": "The original game with the generator maximising log D(G(z)), which keeps "
    "its gradient (Goodfellow et al. 2014, section 3).",
    "least-squares": "Squared distance to the labels 0 (fake) and 1 (real) instead of "
    "cross-entropy (LSGAN, Mao et al. 2017).",
    "wasserstein": "Difference of mean scores; needs a gradient penalty or weight clipping "
    "(WGAN, Arjovsky et al. 2017).",
    "hinge": "Margin loss: scores beyond +1 (real) and -1 (fake) give no gradient "
    "(Lim and Ye 2017, Miyato et al. 2018).",
    "relativistic": "Each real sample is to score above the fake paired with it; use it with R1 "
    "and R2 (RpGAN, Jolicoeur-Martineau 2018; R3GAN, Huang et al. 2024).",
    "relativistic-average": "Real samples are to score above the average fake, and fakes below "
    "the average real (RaGAN, Jolicoeur-Martineau 2018).",
}
"""Name of each objective -> one sentence about it."""
