"""Sentences of an oracle as a corpus: its token k is the word "k" of a vocabulary."""

from __future__ import annotations

from multigan.data.vocabulary import SPECIALS, Vocabulary
from multigan.plugins.text.data.corpus import Corpus, Sentences
from multigan.plugins.text.data.oracle import Oracle
from multigan.plugins.text.recipe import OracleData

SHIFT = len(SPECIALS)  # the oracle's token 0 comes after the special ones
TRAIN_SEED, TEST_SEED = 1, 2


def load_oracle(config: OracleData) -> tuple[Oracle, Corpus]:
    """The oracle of a recipe, and sentences from it for training and for testing.

    Raises:
        CheckpointError: the file with its weights is not an oracle's.
    """
    if config.weights is not None:
        oracle = Oracle.from_file(config.weights, length=config.length)
    else:
        oracle = Oracle(
            vocabulary_size=config.vocabulary_size,
            length=config.length,
            embedding=config.embedding,
            hidden=config.hidden,
            std=config.std,
            seed=config.seed,
        )
    words = [str(number) for number in range(oracle.embedding.num_embeddings)]
    return oracle, Corpus(
        vocabulary=Vocabulary(words),
        train=Sentences(oracle.sample(config.sentences, seed=TRAIN_SEED) + SHIFT),
        test=oracle.sample(config.sentences, seed=TEST_SEED) + SHIFT,
        max_length=config.length,
        mean_length=float(config.length),
        has_grammar=False,
        ends=False,
    )
