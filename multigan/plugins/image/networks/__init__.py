"""Generators and discriminators of pictures, one family a file.

Every generator maps latents (B, Z) and labels (B,) to pictures (B, C, H, W) in about [-1, 1]; every
discriminator maps pictures and labels to verdicts (B, 1), or (B, 1 + K) with logits of the classes.
An encoder maps pictures back to latents.
"""

from multigan.plugins.image.classifier.network import Classifier
from multigan.plugins.image.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from multigan.plugins.image.networks.encoder import Encoder
from multigan.plugins.image.networks.mlp import MLPDiscriminator, MLPGenerator
from multigan.plugins.image.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from multigan.plugins.image.networks.resnet import ResNetDiscriminator, ResNetGenerator
from multigan.plugins.image.semi_supervised.network import NoisyClassifier

NETWORKS = {
    "mlp-generator": MLPGenerator,
    "mlp-discriminator": MLPDiscriminator,
    "dcgan-generator": DCGANGenerator,
    "dcgan-discriminator": DCGANDiscriminator,
    "resnet-generator": ResNetGenerator,
    "resnet-discriminator": ResNetDiscriminator,
    "r3gan-generator": R3GANGenerator,
    "r3gan-discriminator": R3GANDiscriminator,
    "encoder": Encoder,
    "classifier": Classifier,
    "noisy-classifier": NoisyClassifier,
}
