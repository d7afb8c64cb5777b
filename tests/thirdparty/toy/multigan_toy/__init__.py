"""A whole plugin in a distribution of its own: a GAN that learns points on a ring."""

from multigan.plugin import Method, Plugin

PLUGIN = Plugin(
    name="toy",
    summary="Points on a ring, for tests.",
    methods={
        "ring": Method(
            summary="Two small MLPs.",
            recipe="multigan_toy.recipe:ToyRecipe",
            gan="multigan_toy.gan:ToyGAN",
        )
    },
    networks="multigan_toy.networks",
    pipeline="multigan_toy.pipeline:ToyPipeline",
    metrics={"radius": "mean distance of samples from the centre; the ring's is 1"},
)
