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
        "drawing": Method(
            summary="Learns to draw photographs: as an algorithm does, then against real art.",
            recipe="multigan.plugins.translation.drawing.recipe:DrawingRecipe",
            gan="multigan.plugins.translation.drawing.gan:DrawingGAN",
        ),
    },
    networks="multigan.plugins.translation.networks",
    pipeline="multigan.plugins.translation.pipeline:TranslationPipeline",
    shipped="styles",
    verbs="multigan.plugins.translation.verbs:app",
    metrics={
        "cycle-l1-a": "mean absolute error of A -> B -> A, in [0, 1] units",
        "cycle-l1-b": "mean absolute error of B -> A -> B, in [0, 1] units",
        "drawing-l1": "distance of the drawings from the abstraction that they began by imitating",
        "photo-l1": "distance of the drawings from the photos",
    },
    data={"builtin:sketches": "the scenes as line drawings, a second domain to translate to"},
    imports="multigan.plugins.translation.peers.layouts:imported",
    layouts={
        "cyclegan-resnet": "ResNet generators of pytorch-CycleGAN-and-pix2pix",
        "pix2pix-unet": "U-Nets of pytorch-CycleGAN-and-pix2pix",
        "cut-resnet": "generators of contrastive-unpaired-translation (CUT, FastCUT)",
        "animegan2": "generators of animegan2-pytorch",
    },
)
