"""Words and punctuation of English text, as nltk's ``word_tokenize`` splits them.

Published tables of text GANs are counted in these tokens. The rules are those of nltk 3.10's
NLTKWordTokenizer, which descend from Robert MacIntyre's script for the Penn Treebank: quotes become
`` and '', "don't" becomes do n't, "cannot" becomes can not. nltk takes most of a second to import
and first cuts a line into sentences with a model that has to be downloaded; this needs neither.
"""

from __future__ import annotations

import re

_STOP = re.compile(r"""(?:(?<=\s)|^)(\S*[^\s.])\.([\])}"'”’]*)\s+(?=\S)""")
# No sentence ends after a single letter, a number, a dotted word such as "u.s." or one of these:
# nltk's trained splitter decides nearly alike on lower-case text.
_KEEPS_STOP = re.compile(
    r"[^\W\d]|[\d.,:]+|.*\w\.\w+"
    r"|adm|ave|bros|co|col|corp|dr|ft|gen|inc|jr|lt|ltd|maj|mr|mrs|ms|prof|rep|sen|sr|st|vs|yr"
    r"|jan|feb|aug|sept?|oct|nov|dec"
)


def word_tokens(text: str) -> list[str]:
    """Tokens of a line of text, in lower case.

    A line may hold several sentences. The full stop at the end of each is a token of its own, that
    of an abbreviation stays with its word. On one sentence the result is that of nltk,
    ``NLTKWordTokenizer().tokenize(text.lower())``.

    Args:
        text: one line.
    """
    return [token for sentence in _sentences(text.lower()) for token in _treebank(sentence)]


def _sentences(text: str) -> list[str]:
    """Cuts after words that end with one full stop, unless the stop belongs to the word."""
    starts = [0]
    for found in _STOP.finditer(text):
        if not _KEEPS_STOP.fullmatch(found[1].lstrip("([{\"'“‘")):
            starts.append(found.end())
    return [text[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


# The order matters: a later rule sees the blanks that an earlier one has put in.
_BEFORE_ENDS = [
    # Opening quotes: special ones, a " at the beginning, one after a blank or a bracket, and a '
    # in front of a word that is no clitic.
    (re.compile(r"[«“‘„]|``|`"), r" \g<0> "),
    (re.compile(r'^"'), " `` "),
    (re.compile(r"([ (\[{<])(?:\"|'')"), r"\1 `` "),
    (re.compile(r"(?<!\w)'(?!(?:re|ve|ll|[mtsdn])\b)(?=\w)"), "' "),
    # The last full stop, before whatever closes the sentence; a comma or colon that no digit
    # follows; marks that always stand alone; a closing '.
    (re.compile(r"([^.])\.([\])}>\"'»”’ ]*)\s*$"), r"\1 . \2 "),
    (re.compile(r"([:,])(\D)"), r" \1 \2"),
    (re.compile(r"[:,]$"), r" \g<0> "),
    (re.compile(r"\.{2,}|[;@#$%&?!\u2012-\u2015]"), r" \g<0> "),
    (re.compile(r"([^'])' "), r"\1 ' "),
    (re.compile(r"[*()\[\]{}<>]|--"), r" \g<0> "),
]
_ENDS = [
    (re.compile(r"[»”’]"), r" \g<0> "),
    (re.compile(r"''|\""), " '' "),
    (re.compile(r"\s+"), " "),
    (re.compile(r"([^' ])('[smd]?) "), r"\1 \2 "),
    (re.compile(r"([^' ])('ll|'re|'ve|n't) "), r"\1 \2 "),
    # Two words written as one: the lookahead says which pairs there are.
    (
        re.compile(
            r"\b(can(?=not\b)|d(?='ye\b)|gim(?=me\b)|gon(?=na\b)|got(?=ta\b)|lem(?=me\b)"
            r"|more(?='n\b)|wan(?=na\s))(not|'ye|me|na|ta|'n)"
        ),
        r" \1 \2 ",
    ),
    (re.compile(r" ('t)(is)\b"), r" \1 \2 "),
    (re.compile(r" ('t)(was)\b"), r" \1 \2 "),
]


def _treebank(sentence: str) -> list[str]:
    for pattern, replacement in _BEFORE_ENDS:
        sentence = pattern.sub(replacement, sentence)
    sentence = f" {sentence} "
    for pattern, replacement in _ENDS:
        sentence = pattern.sub(replacement, sentence)
    return sentence.split()
