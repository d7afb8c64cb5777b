import random

import pytest

from multigan.metrics.words import word_tokens

WORDS = "a cat u.s. cannot don't 'tis 'twas d'ye gimme wanna gotta more'n john's i'm we've é 漢字"
MARKS = (
    "... .. , : ; ! ? ' '' ` `` \" ( ) [ ] { } < > « » “ ” ‘ ’ „ - -- --- — – * @ # % & _ / \\ …"
)
PARTS = "$3.50 3,000 5:30 's 'll n't s t 1"
PIECES = [*f"{WORDS} {MARKS} {PARTS}".split(), *[" "] * 12, "\t"]


def test_closed_forms():
    assert word_tokens("A dog's $3.50 toy, isn't it?") == (
        ["a", "dog", "'s", "$", "3.50", "toy", ",", "is", "n't", "it", "?"]
    )
    assert word_tokens('He said "no" (twice)...') == (
        ["he", "said", "``", "no", "''", "(", "twice", ")", "..."]
    )
    assert word_tokens(" ") == []


def test_full_stops_inside_a_line():
    assert word_tokens("it is red. it is big.") == ["it", "is", "red", ".", "it", "is", "big", "."]
    assert word_tokens('"it is red." it is') == ["``", "it", "is", "red", ".", "''", "it", "is"]
    for kept in ("mr.", "st.", "u.s.", "a.m.", "j.", "2."):
        assert word_tokens(f"near {kept} smith") == ["near", kept, "smith"]
    assert word_tokens("so ... it goes") == ["so", "...", "it", "goes"]


def test_one_sentence_is_what_nltk_makes_of_it():
    """Lines of random pieces; a full stop followed by more text would be two sentences."""
    reference = pytest.importorskip("nltk.tokenize").NLTKWordTokenizer()
    source = random.Random(0)
    for _ in range(4000):
        line = "".join(source.choice(PIECES) for _ in range(source.randint(1, 9)))
        line += source.choice(["", ".", ".'", '."', ".)", " .", ". "])
        assert word_tokens(line) == reference.tokenize(line.lower()), repr(line)
