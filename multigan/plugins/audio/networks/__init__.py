"""The networks of the audio plugin by the names that saved models give them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from multigan.plugins.audio.classifier.network import Classifier
from multigan.plugins.audio.networks.hifigan import HiFiGANGenerator
from multigan.plugins.audio.networks.periods import MultiPeriodDiscriminator
from multigan.plugins.audio.networks.refiner import RefinerGenerator
from multigan.plugins.audio.networks.scales import MultiScaleDiscriminator
from multigan.plugins.audio.networks.specgan import SpecGANDiscriminator, SpecGANGenerator
from multigan.plugins.audio.networks.wavegan import WaveGANDiscriminator, WaveGANGenerator

NETWORKS: Mapping[str, type[nn.Module]] = {
    "classifier": Classifier,
    "specgan-generator": SpecGANGenerator,
    "specgan-discriminator": SpecGANDiscriminator,
    "wavegan-generator": WaveGANGenerator,
    "wavegan-discriminator": WaveGANDiscriminator,
    "hifigan-generator": HiFiGANGenerator,
    "refiner-generator": RefinerGenerator,
    "multi-period-discriminator": MultiPeriodDiscriminator,
    "multi-scale-discriminator": MultiScaleDiscriminator,
}
