"""Skeletons in motion: walks, runs and jumps from noise, and what comes after given poses."""

from multigan.plugin import Method, Plugin

PLUGIN = Plugin(
    name="motion",
    summary="Moves skeletons like those of a folder of clips, by action, or on from given poses.",
    methods={
        "motiongan": Method(
            summary="A generator of rotations and a critic of joints, velocities and contacts.",
            recipe="multigan.plugins.motion.recipe:MotionRecipe",
            gan="multigan.plugins.motion.gan:MotionGAN",
        ),
        "recogniser": Method(
            summary="A small network that names actions, to score generated motions with.",
            recipe="multigan.plugins.motion.recipe:RecogniserRecipe",
            gan="multigan.plugins.motion.recogniser.training:RecogniserTraining",
            pipeline="multigan.plugins.motion.recogniser.pipeline:RecogniserPipeline",
        ),
    },
    networks="multigan.plugins.motion.networks",
    pipeline="multigan.plugins.motion.pipeline:MotionPipeline",
    verbs="multigan.plugins.motion.verbs:app",
    scores="multigan.plugins.motion.score:app",
    metrics={
        "skating": "mean horizontal speed of low feet, metres a second; compare with real clips",
        "skating-ratio": "the same, divided by that of real clips",
        "bone-error": "largest difference of a bone's length from the skeleton's, in metres",
        "seam": "largest change of a joint's velocity where given poses end, metres a second",
        "seam-beyond-real": "share of seams above the 99th percentile of real clips; usual: 0.01",
        "action-accuracy": "share of windows that a recogniser takes for what was asked for",
        "frechet-motion": "Frechet distance of a recogniser's features, mean over actions",
        "motion-diversity": "mean distance of two windows of an action, in the same features",
        "motion-reconstruction": "squared error of windows through a recogniser's features",
    },
    data={
        "builtin:walker": "a procedural figure that walks, runs and jumps: motions",
        "FOLDER of clips": ".bvh, CMU's .npz, DeepMimic's .json; one folder an action: motions",
    },
)
