"""A small set of pictures with captions, odd ones among them."""

from __future__ import annotations

import random

import pytest

Pictures = tuple[list[list[str]], list[list[list[str]]]]


@pytest.fixture(scope="session")
def pictures() -> Pictures:
    """Hypotheses and references of 40 pictures, words as frequent as Zipf's law says."""
    rng = random.Random(0)
    words = [f"w{rank}" for rank in range(60)]
    weights = [1 / (rank + 1) for rank in range(60)]

    def caption() -> list[str]:
        return rng.choices(words, weights, k=rng.randint(1, 12))

    references = [[caption() for _ in range(rng.randint(1, 5))] for _ in range(40)]
    hypotheses = [
        [word if rng.random() < 0.8 else "new" for word in rng.choice(own)] for own in references
    ]
    # No words; words that no reference has; one word again and again; every picture has its words.
    hypotheses[:4] = [[], ["unseen", "too"], ["w0"] * 15, ["w0", "w1"]]
    return hypotheses, references
