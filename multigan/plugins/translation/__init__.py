"""Image-to-image translation: photographs to cartoons, and between any two folders of pictures."""

from multigan.plugin import Method, Plugin

PLUGIN = Plugin(
    name="translation",
    summary="Turns pictures of one kind into pictures of another.",
    methods={
        "cyclegan": Method(
            summary="Learns both directions between two unpaired folders (Zhu et al. 2017).",
            recipe="multigan.plugins.translation.cyclegan.recipe:CycleGANRecipe",
            gan="multigan.plugins.translation.cyclegan.gan:CycleGAN",
        ),
        "cartoon": Method(
            summary="Learns to draw photographs: an abstraction first, then against real cartoons.",
            recipe="multigan.plugins.translation.cartoon.recipe:CartoonRecipe",
            gan="multigan.plugins.translation.cartoon.gan:CartoonGAN",
        ),
        "fast-neural-style": Method(
            summary="Learns to paint photos like one picture, in one pass (Johnson et al. 2016).",
            recipe="multigan.plugins.translation.stylize.recipe:StyleRecipe",
            gan="multigan.plugins.translation.stylize.training:FastNeuralStyle",
        ),
    },
    networks="multigan.plugins.translation.networks",
    pipeline="multigan.plugins.translation.pipeline:TranslationPipeline",
    shipped="styles",
    verbs="multigan.plugins.translation.verbs:app",
    metrics={
        "cycle-l1-a": "mean absolute error of A -> B -> A, in [0, 1] units",
        "cycle-l1-b": "mean absolute error of B -> A -> B, in [0, 1] units",
        "drawing-l1": "distance of the cartoons from the abstraction that they began by imitating",
        "photo-l1": "distance of the cartoons from the photos",
        "style-error": "relative error of Gram matrices; 0 is the style itself",
        "content-error": "relative error of what is where; 0 is the photo itself",
    },
    data={"builtin:sketches": "the scenes as line drawings, a second domain to translate to"},
)
