"""Text: sentences from noise."""

from multigan.plugin import Method, Plugin

PLUGIN = Plugin(
    name="text",
    summary="Writes sentences like those of a file, in words or characters.",
    methods={
        "gumbel": Method(
            summary="LSTM against LSTM through the Gumbel-softmax (TextGAN), after pretraining.",
            recipe="multigan.plugins.text.recipe:TextGANRecipe",
            gan="multigan.plugins.text.gan:TextGAN",
        ),
    },
    networks="multigan.plugins.text.networks",
    pipeline="multigan.plugins.text.pipeline:TextPipeline",
    metrics={
        "grammatical": "share of sentences that the exact grammar of builtin:scenes accepts",
        "bleu-N": "mean sentence-BLEU (Texygen's) against all held-out sentences",
        "self-bleu-N": "BLEU of each sentence against all others of the sample: high is monotonous",
        "distinct-2": "different pairs of neighbouring words, as a share of all pairs",
        "unique": "different sentences, as a share of the sample",
        "novel": "share of sentences that are not in the training data",
        "nll-test": "nats per known word of held-out sentences; the end of one is a word",
    },
)
