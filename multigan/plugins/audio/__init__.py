"""Sounds from noise, and from spectrograms."""

from multigan.plugin import Method, Plugin

_CLASSIFIER = "multigan.plugins.audio.classifier.pipeline:ClassifierPipeline"

PLUGIN = Plugin(
    name="audio",
    summary="Makes sounds like those of a folder, of a class if they have labels.",
    methods={
        "classifier": Method(
            summary="A small classifier, to score generated sounds with.",
            recipe="multigan.plugins.audio.classifier.recipe:ClassifierRecipe",
            gan="multigan.plugins.audio.classifier.training:ClassifierTraining",
            pipeline=_CLASSIFIER,
        ),
    },
    networks="multigan.plugins.audio.networks",
    pipeline=_CLASSIFIER,
    metrics={
        "accuracy": "share of held-out sounds that a classifier names right",
    },
    data={
        "builtin:sounds": "plucked strings, drums and tones, made as they are needed (audio)",
        "FOLDER of sounds": "wav, flac, mp3, ogg, m4a ...; classes by folder or by file name",
    },
)
