"""The networks that saved models name."""

from multigan.plugins.video.networks.actions import (
    ActionCritic,
    ActionExtractor,
    ActionGenerator,
    Animator,
)
from multigan.plugins.video.networks.classifier import ClipClassifier
from multigan.plugins.video.networks.discriminators import ClipDiscriminator, FrameDiscriminator
from multigan.plugins.video.networks.encoder import ContentEncoder
from multigan.plugins.video.networks.generator import VideoGenerator
from multigan.plugins.video.networks.predictor import FramePredictor

NETWORKS = {
    "video-generator": VideoGenerator,
    "frame-discriminator": FrameDiscriminator,
    "clip-discriminator": ClipDiscriminator,
    "content-encoder": ContentEncoder,
    "action-extractor": ActionExtractor,
    "animator": Animator,
    "action-generator": ActionGenerator,
    "action-critic": ActionCritic,
    "frame-predictor": FramePredictor,
    "clip-classifier": ClipClassifier,
}
