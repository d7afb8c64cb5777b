"""Text: sentences from noise."""

from multigan.plugin import Method, Plugin

PLUGIN = Plugin(
    name="text",
    summary="Writes sentences like those of a file, in words or characters.",
    methods={
        "gumbel": Method(
            summary="Gradients through the Gumbel-softmax, after pretraining (TextGAN, RelGAN).",
            recipe="multigan.plugins.text.recipe:GumbelRecipe",
            gan="multigan.plugins.text.gumbel:GumbelGAN",
        ),
        "seqgan": Method(
            summary="Policy gradient with rewards from rollouts, after pretraining (SeqGAN).",
            recipe="multigan.plugins.text.recipe:SeqGANRecipe",
            gan="multigan.plugins.text.seqgan:SeqGAN",
        ),
    },
    networks="multigan.plugins.text.networks",
    pipeline="multigan.plugins.text.pipeline:TextPipeline",
    verbs="multigan.plugins.text.verbs:app",
    scores="multigan.plugins.text.score:app",
    metrics={
        "grammatical": "share of sentences that the exact grammar of builtin:scenes accepts",
        "bleu-N": "mean sentence-BLEU (Texygen's) against all held-out sentences",
        "sacrebleu": "corpus BLEU-4 as the sacreBLEU tool counts it, 0 to 100",
        "self-bleu-N": "BLEU of each sentence against all others of the sample: high is monotonous",
        "lm": "nats a word of the sample under a 4-gram model of held-out sentences",
        "reverse-lm": "nats a word of held-out sentences under a 4-gram model of the sample",
        "distinct-N": "different sequences of N words, as a share of all such sequences",
        "unique": "different sentences, as a share of the sample",
        "duplicates": "share of the sample that repeats a sentence of it: 1 - unique",
        "in-references": "share of the sample that is word for word a held-out sentence",
        "novel": "share of sentences that are not in the training data; also called novelty",
        "nll-test": "nats per known word of held-out sentences; the end of one is a word",
        "nll-gen": "the same of training sentences (NLL_gen of other toolkits)",
        "nll-gen-padded": "nll-gen with pads counted as words that cost nothing (TextGAN-PyTorch)",
        "nll-div": "the same of the sample itself",
        "nll-oracle@HASH": "nats per word of the sample under the oracle of these weights",
        "own-nll@HASH": "the same of the oracle's own sentences, which is what can be reached",
    },
    data={"builtin:oracle": "sentences of numbers from a random LSTM (SeqGAN's synthetic task)"},
)
