"""Clips from noise, with or without classes."""

from multigan.plugin import Method, Plugin

PLUGIN = Plugin(
    name="video",
    summary="Makes clips like those of a folder, of a class if they have classes.",
    methods={
        "mocogan": Method(
            summary="Content that stays and motion that a GRU makes (Tulyakov et al. 2018).",
            recipe="multigan.plugins.video.mocogan.recipe:MoCoGANRecipe",
            gan="multigan.plugins.video.mocogan.gan:MoCoGAN",
        ),
        "classifier": Method(
            summary="A small classifier of clips, to score generated ones with.",
            recipe="multigan.plugins.video.classifier.recipe:ClassifierRecipe",
            gan="multigan.plugins.video.classifier.training:ClassifierTraining",
            pipeline="multigan.plugins.video.classifier.pipeline:ClipClassifierPipeline",
        ),
    },
    networks="multigan.plugins.video.networks",
    pipeline="multigan.plugins.video.pipeline:VideoPipeline",
    scores="multigan.plugins.video.score:app",
    metrics={
        "frechet-FEATURES": "Frechet distance of clip features, e.g. frechet-sprite-actions",
        "fvdCOUNT_16f": "the same with I3D's features, by StyleGAN-V's protocol",
        "motion-control-FEATURES": "share of clips that are taken for the action asked for",
        "content-distance-colours": "how much the colours change through a clip (ACD)",
        "content-distance-colours-real": "the same of real clips, which it should be near",
        "accuracy": "share of held-out clips that a classifier names right",
    },
)
