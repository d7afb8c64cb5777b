"""Captioning: sentences from pictures."""

from multigan.plugin import Plugin

PLUGIN = Plugin(
    name="captioning",
    summary="Says what is in a picture, in several ways.",
    methods={},
    networks="",
    pipeline="",
    scores="multigan.plugins.captioning.score:app",
)
