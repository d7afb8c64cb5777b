"""Networks of motions, by the names that saved models call them."""

from multigan.plugins.motion.networks.convolutional import ConvolutionalGenerator
from multigan.plugins.motion.networks.critic import MotionCritic
from multigan.plugins.motion.networks.recogniser import MotionRecogniser
from multigan.plugins.motion.networks.recurrent import RecurrentGenerator

NETWORKS = {
    "convolutional-motion-generator": ConvolutionalGenerator,
    "recurrent-motion-generator": RecurrentGenerator,
    "motion-critic": MotionCritic,
    "motion-recogniser": MotionRecogniser,
}
