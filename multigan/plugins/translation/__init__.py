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
        "cut": Method(
            summary="Learns one direction between two unpaired folders (Park et al. 2020).",
            recipe="multigan.plugins.translation.cut.recipe:CUTRecipe",
            gan="multigan.plugins.translation.cut.gan:CUT",
        ),
        "pix2pix": Method(
            summary="Learns from pairs of pictures (Isola et al. 2017).",
            recipe="multigan.plugins.translation.pix2pix.recipe:Pix2PixRecipe",
            gan="multigan.plugins.translation.pix2pix.gan:Pix2Pix",
        ),
        "restoration": Method(
            summary="Learns to enlarge, fill or colour pictures, from any folder of whole ones.",
            recipe="multigan.plugins.translation.restoration.recipe:RestorationRecipe",
            gan="multigan.plugins.translation.restoration.gan:Restoration",
        ),
        "fast-neural-style": Method(
            summary="Learns to paint photos like one picture, in one pass (Johnson et al. 2016).",
            recipe="multigan.plugins.translation.stylize.recipe:StyleRecipe",
            gan="multigan.plugins.translation.stylize.training:FastNeuralStyle",
        ),
    },
    networks="multigan.plugins.translation.saved_networks",
    pipeline="multigan.plugins.translation.opening:open_pipeline",
    shipped="styles",
    verbs="multigan.plugins.translation.verbs:app",
    metrics={
        "cycle-l1-a": "mean absolute error of A -> B -> A, in [0, 1] units",
        "cycle-l1-b": "mean absolute error of B -> A -> B, in [0, 1] units",
        "drawing-l1": "distance of the drawings from the abstraction that they began by imitating",
        "photo-l1": "distance of the drawings from the photos",
        "kernel-random-conv": "kernel distance of translations from B, in random features",
        "psnr": "peak signal-to-noise ratio to the right answer, RGB, in decibels",
        "ssim": "structural similarity to the right answer (Wang et al. 2004)",
        "random-feature-distance": "perceptual distance in random features; not LPIPS",
        "...-baseline": "what the input as it is, bicubic, diffusion fill or grey scores",
        "style-error": "relative error of Gram matrices; 0 is the style itself",
        "content-error": "relative error of the layers that tell what is where; 0 is the photo",
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
