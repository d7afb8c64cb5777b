"""Sounds from noise, and from spectrograms."""

from multigan.plugin import Plugin

PLUGIN = Plugin(
    name="audio",
    summary="Makes sounds like those of a folder, of a class if they have labels.",
    methods={},
    networks="multigan.plugins.audio.networks",
    pipeline="multigan.plugins.audio.pipeline:AudioPipeline",
    data={
        "builtin:sounds": "plucked strings, drums and tones, made as they are needed (audio)",
        "FOLDER of sounds": "wav, flac, mp3, ogg, m4a ...; classes by folder or by file name",
    },
)
