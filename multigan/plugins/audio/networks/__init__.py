"""The networks of the audio plugin by the names that saved models give them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from multigan.plugins.audio.networks.hifigan import HiFiGANGenerator
from multigan.plugins.audio.networks.periods import MultiPeriodDiscriminator
from multigan.plugins.audio.networks.scales import MultiScaleDiscriminator

NETWORKS: Mapping[str, type[nn.Module]] = {
    "hifigan-generator": HiFiGANGenerator,
    "multi-period-discriminator": MultiPeriodDiscriminator,
    "multi-scale-discriminator": MultiScaleDiscriminator,
}
