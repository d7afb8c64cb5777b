"""Words of captions, as coco-caption reads them from raw text.

Published caption scores are counted in these tokens: those of Stanford's PTBTokenizer (CoreNLP
3.4.1) in lower case, without the marks that coco-caption drops. Its quirks are kept, for the
numbers' sake: brackets stay as "-lrb-" and "-rrb-", since the list of what to drop has them in
capitals, and so do runs such as "!!". These rules were compared with that program on captions: web
and mail addresses, fractions in one character and other rarities of its grammar are not here.
"""

from __future__ import annotations

import re

_PLAIN = str.maketrans("‘’‛“”„«»–—", '\'\'\'"""""--')
_BRACKETS = {
    "(": "-lrb-",
    ")": "-rrb-",
    "[": "-lsb-",
    "]": "-rsb-",
    "{": "-lcb-",
    "}": "-rcb-",
}
_DROPPED = frozenset([*".,!?:;-'`\"", "--", "----", "...", "''", "``"])

# The first alternative that fits is taken, so each stands before what would swallow it.
_TOKEN = re.compile(
    r"""
      </?[a-z][^<>\s]*>                                 # a mark such as <unk>
    | (?:[a-z]\.)+[a-z]?\.?-\w+                         # u.s.-made
    | (?<![\w'])(?:[a-z](?:\.[a-z])*|ph\.d              # u.s. and a single letter keep the stop,
      |mrs?|ms|drs?|st|ave|blvd|mt|ft|jr|sr|inc|corp|co # and so do abbreviations
      |ltd|vs|etc|dept|est|prof|rev|gen|sgt|capt|rd|univ|bros|tel
      |jan|feb|aug|sept?|oct|nov|dec)\.(?!\w) | \bno\.(?=\s*\d)
    | [a-z]+(?=n't(?!\w)) | n't(?!\w)                   # do n't
    | '(?:s|m|d|re|ve|ll|em|till?)(?!\w) | '[2-9]0s     # it 's, and words that begin with '
    | '?n'(?!\w) | '[tT](?=(?:is|was)\b)                # rock 'n' roll, 't is
    | \b(?:can(?=not\b)|gon(?=na\b)|wan(?=na\b)|got(?=ta\b)|gim(?=me\b)|lem(?=me\b))
    | \by'(?=all\b)
    | (?-i:[A-Z]+(?:&[A-Z]+)+) | \b(?:at&t|b&b)\b       # H&M, but r & b
    | [a-z]*[aeiouy]'[aeiou][a-z]* | \b[dolcs]'[a-z]{2,} # ma'am, o'clock
    | \d+(?:[.,:]\d+)+(?:-\w+)*                         # 10:30, 1,000-pound
    | \w+(?:(?:[-/]|(?<=[^\W\d])\.(?=[^\W\d]))\w+)*     # t-shirt, black/white, end.start
    | \#[^\W\d]\w* | @\w+                               # #tag, @name
    | \.\.\.+ | [?!]+ | -+
    | [^\w\s]
    """,
    re.VERBOSE | re.IGNORECASE,
)


def ptb_tokens(text: str) -> list[str]:
    """Tokens of a caption in lower case, without full stops, commas, dashes and quotes.

    "The man's T-shirt isn't black/white." becomes the man 's t-shirt is n't black/white.

    Args:
        text: raw text of any length.
    """
    found = _TOKEN.findall(text.translate(_PLAIN))
    tokens = (_BRACKETS.get(token, token.lower()) for token in found)
    return [token for token in tokens if token not in _DROPPED and token.strip(".")]
