"""Pictures from noise, with or without labels."""

from multigan.plugin import Method, Plugin

_GAN = "multigan.plugins.image.adversarial.gan:ImageGAN"
_RECIPES = "multigan.plugins.image.adversarial.recipe"
_CLASSIFIER = "multigan.plugins.image.classifier.pipeline:ClassifierPipeline"

PLUGIN = Plugin(
    name="image",
    summary="Makes pictures like those of a folder, of a class if they have labels.",
    methods={
        "dcgan": Method(
            summary="Strided convolutions and batch normalisation (Radford et al. 2016).",
            recipe=f"{_RECIPES}:DCGANRecipe",
            gan=_GAN,
        ),
        "sngan": Method(
            summary="Residual networks under spectral normalisation (Miyato et al. 2018).",
            recipe=f"{_RECIPES}:SNGANRecipe",
            gan=_GAN,
        ),
        "r3gan": Method(
            summary="Modern residual networks, relativistic, with R1 and R2 (Huang et al. 2024).",
            recipe=f"{_RECIPES}:R3GANRecipe",
            gan=_GAN,
        ),
        "mlp": Method(
            summary="Fully connected networks, as in the first GAN (Goodfellow et al. 2014).",
            recipe=f"{_RECIPES}:MLPRecipe",
            gan=_GAN,
        ),
        "classifier": Method(
            summary="A small classifier, to score generated pictures with.",
            recipe="multigan.plugins.image.classifier.recipe:PictureClassifierRecipe",
            gan="multigan.plugins.image.classifier.training:PictureClassifierTraining",
            pipeline=_CLASSIFIER,
        ),
        "semi-supervised": Method(
            summary="A classifier from few labels and many pictures (Salimans et al. 2016).",
            recipe="multigan.plugins.image.semi_supervised.recipe:SemiSupervisedRecipe",
            gan="multigan.plugins.image.semi_supervised.gan:SemiSupervisedGAN",
            pipeline=_CLASSIFIER,
        ),
    },
    networks="multigan.plugins.image.networks",
    pipeline="multigan.plugins.image.pipeline:ImagePipeline",
    verbs="multigan.plugins.image.verbs:app",
    scores="multigan.plugins.image.score:app",
    metrics={
        "frechet-FEATURES": "Frechet distance of features, e.g. frechet-digits; lower is better",
        "fid": "the same with the original Inception weights, and with no others",
        "kernel-FEATURES": "KID's squared kernel distance of features (kid with Inception's)",
        "precision-FEATURES": "share of pictures in the neighbourhood of real ones",
        "recall-FEATURES": "share of real pictures in the neighbourhood of generated ones",
        "density-FEATURES": "how many real neighbourhoods a picture is in, on average",
        "coverage-FEATURES": "share of real pictures that have a generated one as a neighbour",
        "inception-score-FEATURES": "sureness and variety of a classifier's verdicts",
        "label-agreement-FEATURES": "share of pictures that are taken for what was asked for",
        "classes-FEATURES": "classes that a classifier finds among the pictures",
        "class-divergence-FEATURES": "KL of their shares from those among real pictures, in nats",
        "modes": "of 25 Gaussians, or of 1000 stacks of digits: those that were generated",
        "good-points": "share of points within three deviations of a Gaussian",
        "accuracy": "share of held-out pictures that a classifier names right",
        "reconstruction": "squared error of real pictures through encoder and generator",
        "augmentation": "probability that the adaptive augmentation has come to",
    },
    data={
        "builtin:gaussians": "25 Gaussians on a grid: points, to count the modes of a GAN (mlp)",
        "FOLDER of idx files": "MNIST-style pictures with labels; the last sixth is held out",
    },
)
