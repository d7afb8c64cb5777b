"""Sounds from noise, and from spectrograms."""

from multigan.plugin import Method, Plugin

PLUGIN = Plugin(
    name="audio",
    summary="Makes sounds like those of a folder, of a class if they have labels.",
    methods={
        "vocoder": Method(
            summary="Waveforms from log-mel spectrograms: HiFi-GAN (Kong et al. 2020).",
            recipe="multigan.plugins.audio.vocoder.recipe:VocoderRecipe",
            gan="multigan.plugins.audio.vocoder.gan:VocoderGAN",
            pipeline="multigan.plugins.audio.vocoder.pipeline:VocoderPipeline",
        ),
    },
    networks="multigan.plugins.audio.networks",
    pipeline="multigan.plugins.audio.opening:open_pipeline",
    verbs="multigan.plugins.audio.verbs:app",
    metrics={
        "mel-l1": "mean distance of log-mels of copies from those of held-out sounds",
        "stft-distance": "multi-resolution distance of their spectra (Yamamoto et al. 2020)",
    },
    imports="multigan.plugins.audio.imports:imported",
    layouts={"hifi-gan": "generators of HiFi-GAN, with their config.json beside them or without"},
    data={
        "builtin:sounds": "plucked strings, drums and tones, made as they are needed (audio)",
        "FOLDER of sounds": "wav, flac, mp3, ogg, m4a ...; classes by folder or by file name",
    },
)
