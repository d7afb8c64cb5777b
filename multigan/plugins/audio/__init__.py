"""Sounds from noise, and from spectrograms."""

from multigan.plugin import Method, Plugin

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
    },
    networks="multigan.plugins.audio.networks",
    pipeline="multigan.plugins.audio.pipeline:AudioPipeline",
    data={
        "builtin:sounds": "plucked strings, drums and tones, made as they are needed (audio)",
        "FOLDER of sounds": "wav, flac, mp3, ogg, m4a ...; classes by folder or by file name",
    },
)
