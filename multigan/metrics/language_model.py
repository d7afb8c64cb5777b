"""An n-gram language model with interpolated Kneser-Ney smoothing, as a judge of samples.

The language model score (Cífka et al. 2018; Caccia et al. 2020) is the likelihood of a sample
under a model of real text: quality. The reverse score (Zhao et al. 2018) is the likelihood of real
text under a model of the sample: diversity, since what the generator never says is a surprise to
it. Both are needed: one good sentence repeated for ever has an excellent score and a terrible
reverse score.

The model is that of Kneser and Ney 1995 in the interpolated form of Chen and Goodman 1999, with one
fixed discount. Discounts are usually estimated from the numbers of n-grams that occur once, twice,
and so on; a generator that repeats itself makes these estimates zero or undefined, just where a
score matters. On captions and stories, 1,000 to 10,000 sentences, the fixed 0.85 is within 0.015
nats of modified Kneser-Ney with estimated discounts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

Sentence = Sequence[Hashable]
Gram = tuple[Hashable, ...]

EDGE = object()  # stands before the first word and after the last; equal to no word
"""The beginning of a sentence in a context, its end as a word."""


class LanguageModel:
    """Probabilities of the next word, learnt by counting.

    An n-gram is counted as often as it occurs where n is the order or where it begins a sentence,
    as nothing can stand before it; else by the number of different words seen before it. Words that
    were never seen share what the discount sets free, equally among the vocabulary.

    Args:
        sentences: training text, tokenised; at least one sentence.
        vocabulary_size: different words that may ever be asked for, the end of a sentence included.
            Two models can be compared if it is the same for both: see `count_words`.
        order: n of the longest n-grams.
        discount: taken off every count, between 0 and 1.

    Raises:
        ValueError: no sentence, an order below 1, a discount out of range, or more words in the
            sentences than in the vocabulary.
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        *,
        vocabulary_size: int,
        order: int = 4,
        discount: float = 0.85,
    ) -> None:
        if not sentences:
            raise ValueError("a language model needs at least one sentence")
        if order < 1 or not 0 < discount < 1:
            raise ValueError(f"order={order}, discount={discount}: give 1 or more, and 0 to 1")
        self.vocabulary_size, self.order, self.discount = vocabulary_size, order, discount
        self.counts = _count(sentences, order)
        # Of each context: the sum of the counts of what follows, and how many words follow.
        self.totals: Counter[Gram] = Counter()
        self.followers: Counter[Gram] = Counter()
        for gram, count in self.counts.items():
            self.totals[gram[:-1]] += count
            self.followers[gram[:-1]] += 1
        if self.followers[()] > vocabulary_size:
            raise ValueError(
                f"the sentences have {self.followers[()]} different words, their end included, but "
                f"the vocabulary only {vocabulary_size}"
            )

    def probability(self, word: Hashable, context: Gram) -> float:
        """P(word | context); over the whole vocabulary it sums to 1.

        Args:
            word: a word, or `EDGE` for the end of the sentence.
            context: the words before; `EDGE` first where the sentence begins. Only the last
                ``order - 1`` count.
        """
        probability = 1 / self.vocabulary_size
        for length in range(min(self.order, len(context) + 1)):
            known = context[len(context) - length :]
            total = self.totals.get(known)
            if total is None:  # then no longer context was seen either
                break
            spared = self.discount * self.followers[known] * probability
            count = self.counts.get((*known, word), 0)
            probability = (max(count - self.discount, 0.0) + spared) / total
        return probability

    def nll(self, sentences: Iterable[Sentence]) -> float:
        """Mean negative log-likelihood in nats a token; the end of each sentence is a token.

        Args:
            sentences: tokenised; at least one. Empty ones have one token, their end.

        Raises:
            ValueError: no sentence.
        """
        nats, tokens = [], 0
        for sentence in sentences:
            words = (EDGE, *sentence, EDGE)
            for end in range(1, len(words)):
                context = words[max(0, end - self.order + 1) : end]
                nats.append(-math.log(self.probability(words[end], context)))
            tokens += len(words) - 1
        if not tokens:
            raise ValueError("the likelihood of no sentence is not defined: give at least one")
        return math.fsum(nats) / tokens


def count_words(*texts: Iterable[Sentence]) -> int:
    """Different words in several lists of sentences, and one more for the end of a sentence.

    The vocabulary of a comparison has to hold the words of both sides. If a model of samples knew
    only its own words and met all others as one "unknown word", a generator would be rewarded for
    a small vocabulary.
    """
    return len({word for text in texts for sentence in text for word in sentence}) + 1


def _count(sentences: Iterable[Sentence], order: int) -> dict[Gram, int]:
    """Kneser-Ney's counts of all n-grams up to the order."""
    occurrences: Counter[Gram] = Counter()
    for sentence in sentences:
        words = (EDGE, *sentence, EDGE)
        for end in range(2, len(words) + 1):
            for start in range(max(0, end - order), end):
                occurrences[words[start:end]] += 1
    counts: Counter[Gram] = Counter()
    for gram, number in occurrences.items():
        begins = gram[0] is EDGE and len(gram) > 1
        if len(gram) == order or begins:
            counts[gram] += number
        if len(gram) > 1:
            counts[gram[1:]] += 1
    return counts
