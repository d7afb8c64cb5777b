"""Clips from noise, pictures that move, films that go on."""

from multigan.plugin import Method, Plugin

PLUGIN = Plugin(
    name="video",
    summary="Makes clips like those of a folder, animates pictures, goes on with films.",
    methods={
        "mocogan": Method(
            summary="Content that stays and motion that a GRU makes (Tulyakov et al. 2018).",
            recipe="multigan.plugins.video.mocogan.recipe:MoCoGANRecipe",
            gan="multigan.plugins.video.mocogan.gan:MoCoGAN",
        ),
        "animate": Method(
            summary="Action Extractor and Motion Generator: a picture does what a film shows.",
            recipe="multigan.plugins.video.animate.recipe:AnimateRecipe",
            gan="multigan.plugins.video.animate.gan:Animate",
            pipeline="multigan.plugins.video.animate.pipeline:AnimatePipeline",
        ),
        "next-frame": Method(
            summary="Goes on with films: near to what came, and possible (Mathieu et al. 2016).",
            recipe="multigan.plugins.video.next_frame.recipe:NextFrameRecipe",
            gan="multigan.plugins.video.next_frame.gan:NextFrame",
            pipeline="multigan.plugins.video.next_frame.pipeline:NextFramePipeline",
        ),
        "classifier": Method(
            summary="A small classifier of clips, to score generated ones with.",
            recipe="multigan.plugins.video.classifier.recipe:ClipClassifierRecipe",
            gan="multigan.plugins.video.classifier.training:ClipClassifierTraining",
            pipeline="multigan.plugins.video.classifier.pipeline:ClipClassifierPipeline",
        ),
    },
    networks="multigan.plugins.video.networks",
    pipeline="multigan.plugins.video.pipeline:VideoPipeline",
    verbs="multigan.plugins.video.verbs:app",
    scores="multigan.plugins.video.score:app",
    metrics={
        "frechet-FEATURES": "Frechet distance of clip features, e.g. frechet-sprite-actions",
        "fvdCOUNT_16f": "the same with I3D's features, by StyleGAN-V's protocol",
        "motion-control-FEATURES": "share of clips that are taken for the action asked for",
        "content-distance-colours": "how much the colours change through a clip (ACD)",
        "content-distance-colours-real": "the same of real clips, which it should be near",
        "transfer-FEATURES": "share of animations that are taken for the driving clip's action",
        "transfer-FEATURES-shuffled": "the same against the action of another driving clip",
        "transfer-error": "mean absolute error to the portrait's character really doing it, where "
        "the data shows that",
        "transfer-error-copy": "the same of repeating the portrait",
        "looks-colours": "how far an animation's colours are from its portrait's",
        "looks-colours-real": "the same of real clips and their first frames",
        "looks-colours-truth": "the same of the portrait's character really doing it",
        "looks-colours-driving": "how far an animation's colours are from the driving clip's",
        "reconstruction": "mean absolute error of clips made again, where pixels go from -1 to 1",
        "reconstruction-copy": "the same of repeating the first frame",
        "psnr": "of predicted frames, in decibels, each one counted as 60 at most",
        "psnr-copy": "the same of repeating the last frame that was given",
        "squared-error": "of predicted frames, where pixels go from 0 to 1",
        "squared-error-copy": "the same of repeating the last frame that was given",
        "accuracy": "share of held-out clips that a classifier names right",
    },
)
