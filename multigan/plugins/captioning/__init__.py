"""Captioning: sentences from pictures."""

from multigan.plugin import Method, Plugin

PLUGIN = Plugin(
    name="captioning",
    summary="Says what is in a picture, in several ways.",
    methods={
        "captiongan": Method(
            summary="LSTM with attention and noise against an evaluator of pictures and sentences.",
            recipe="multigan.plugins.captioning.recipe:CaptionRecipe",
            gan="multigan.plugins.captioning.gan:CaptionGAN",
        ),
    },
    networks="multigan.plugins.captioning.networks",
    pipeline="multigan.plugins.captioning.pipeline:CaptionPipeline",
    verbs="multigan.plugins.captioning.verbs:app",
    scores="multigan.plugins.captioning.score:app",
    metrics={
        "true": "share of captions that are true of the picture, by the truth of builtin:scenes",
        "cider": "of the captions of held-out pictures against their references, 0 to 10",
        "bleu-4": "of the same, as coco-caption counts it",
        "rouge-l": "of the same",
        "div-N": "different sequences of N words in the captions of a picture, per word",
        "mbleu-4": "BLEU-4 of each caption of a picture against its others: high is monotonous",
        "novel": "share of captions that are not in the training data",
        "wrong-cider": "CIDEr of the captions with the pictures exchanged: what chance gets",
        "caption-recall@N": "how often one of a picture's captions is in the evaluator's first N",
        "picture-recall@N": "how often a caption's picture is in the evaluator's first N",
        "nll-test": "nats per word of held-out captions; the end of one is a word",
    },
)
