"""Sounds from noise, and from spectrograms."""

from multigan.plugin import Method, Plugin

_CLASSIFIER = "multigan.plugins.audio.classifier.pipeline:ClassifierPipeline"

PLUGIN = Plugin(
    name="audio",
    summary="Makes sounds like those of a folder, of a class if they have labels.",
    methods={
        "specgan": Method(
            summary="Spectrograms as pictures, and sounds of them (after Donahue et al. 2019).",
            recipe="multigan.plugins.audio.generation.recipe:SpecGANRecipe",
            gan="multigan.plugins.audio.generation.gan:SoundGAN",
        ),
        "wavegan": Method(
            summary="Waveforms by strided convolutions, with phase shuffle (Donahue et al. 2019).",
            recipe="multigan.plugins.audio.generation.recipe:WaveGANRecipe",
            gan="multigan.plugins.audio.generation.gan:SoundGAN",
        ),
        "vocoder": Method(
            summary="Waveforms from log-mel spectrograms: HiFi-GAN (Kong et al. 2020).",
            recipe="multigan.plugins.audio.vocoder.recipe:VocoderRecipe",
            gan="multigan.plugins.audio.vocoder.gan:VocoderGAN",
            pipeline="multigan.plugins.audio.vocoder.pipeline:VocoderPipeline",
        ),
        "classifier": Method(
            summary="A small classifier, to score generated sounds with.",
            recipe="multigan.plugins.audio.classifier.recipe:ClassifierRecipe",
            gan="multigan.plugins.audio.classifier.training:ClassifierTraining",
            pipeline=_CLASSIFIER,
        ),
    },
    networks="multigan.plugins.audio.networks",
    pipeline="multigan.plugins.audio.opening:open_pipeline",
    verbs="multigan.plugins.audio.verbs:app",
    scores="multigan.plugins.audio.score:app",
    metrics={
        "frechet-CLASSIFIER": "Frechet distance of a sound classifier's features; lower is better",
        "kernel-CLASSIFIER": "KID's squared kernel distance of them",
        "precision-CLASSIFIER": "share of sounds in the neighbourhood of real ones",
        "recall-CLASSIFIER": "share of real sounds in the neighbourhood of generated ones",
        "density-CLASSIFIER": "how many real neighbourhoods a sound is in, on average",
        "coverage-CLASSIFIER": "share of real sounds that have a generated one as a neighbour",
        "inception-score-CLASSIFIER": "sureness and variety of the classifier's verdicts",
        "classes-CLASSIFIER": "classes that it finds among the sounds",
        "label-agreement-CLASSIFIER": "share of sounds that are taken for what was asked for",
        "frechet-mel": "Frechet distance of means and deviations of log-mel bands over time",
        "mel-l1": "mean difference of the log-mel spectrograms of paired sounds, in nepers",
        "mcd": "mel-cepstral distortion of paired sounds, in decibels",
        "stft-distance": "multi-resolution distance of their spectra (Yamamoto et al. 2020)",
        "...-griffin-lim": "what a vocoder's spectrograms score through Griffin-Lim",
        "accuracy": "share of held-out sounds that a classifier names right",
    },
    imports="multigan.plugins.audio.imports:imported",
    layouts={"hifi-gan": "generators of HiFi-GAN, with their config.json beside them or without"},
    data={
        "builtin:sounds": "plucked strings, drums and tones, made as they are needed (audio)",
        "FOLDER of sounds": "wav, flac, mp3, ogg, m4a ...; classes by folder or by file name",
    },
)
