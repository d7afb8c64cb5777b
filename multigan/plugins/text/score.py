"""``multigan score text``: how good and how varied a file of sentences is. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from multigan.errors import DataError
from multigan.metrics.bleu import bleu, corpus_bleu, self_bleu
from multigan.metrics.diversity import distinct, novelty, unique
from multigan.metrics.language_model import LanguageModel, count_words
from multigan.metrics.words import word_tokens

ORDERS = (2, 3, 4, 5)
PROTOCOL = (
    "BLEU is Texygen's: nltk sentence-BLEU with smoothing method1, mean over all samples, each "
    "against all references; self-BLEU leaves one out"
)

app = typer.Typer()

Sentences = list[list[str]]


class Tokenizer(StrEnum):
    """How a line becomes tokens."""

    none = "none"
    word = "word"


@dataclass(frozen=True)
class Score:
    """A number, and what it was counted on."""

    name: str
    value: float
    counted_on: str


@app.command()
def text(
    samples: Annotated[Path, typer.Argument(help="Generated sentences, one a line.")],
    references: Annotated[
        Path | None,
        typer.Option(help="Real sentences that the generator was not trained on, one a line."),
    ] = None,
    train: Annotated[Path | None, typer.Option(help="The training sentences, for novelty.")] = None,
    with_self: Annotated[
        bool, typer.Option("--self", help="Also self-BLEU, of each sample against all others.")
    ] = False,
    tokenizer: Annotated[
        Tokenizer,
        typer.Option(
            help="none: split at blanks; word: lower case and punctuation apart (nltk's)."
        ),
    ] = Tokenizer.none,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Take only the first N samples (all references).")
    ] = None,
) -> None:
    """Score a file of sentences; without references, its diversity only.

    Blank samples count as sentences without words (BLEU 0); blank references are left out. lm is
    the NLL in nats a token of the samples under a 4-gram model of the references, reverse-lm that
    of the references under a model of the samples: lower is better and more varied.
    """
    generated = _read(samples, tokenizer, keep_blank=True)[:limit]
    real = _read(references, tokenizer) if references else None
    known = _read(train, tokenizer) if train else None
    if with_self and len(generated) < 2:
        raise DataError(f"{samples}: self-BLEU compares samples with each other; give at least two")
    facts = _facts(generated, real, known, tokenizer)
    scores = score(generated, references=real, train=known, with_self=with_self)
    if as_json:
        print(json.dumps({each.name: each.value for each in scores} | facts, indent=1))
        return
    for each in scores:
        print(f"{each.name:<13}  {each.value:<8.4f}  {each.counted_on}")
    if facts["num_empty"]:
        print(f"\n{facts['num_empty']} of {len(generated)} samples are blank")
    print(f"\ntokenizer {tokenizer}. {PROTOCOL}.")
    if "signature" in facts:
        print(f"sacreBLEU signature {facts['signature']}")


def score(
    samples: Sentences,
    *,
    references: Sentences | None = None,
    train: Sentences | None = None,
    with_self: bool = False,
) -> list[Score]:
    """All scores that these sentences allow, quality first.

    Args:
        samples: generated sentences, tokenised; at least one, with ``with_self`` two.
        references: real sentences.
        train: what the generator was trained on.
        with_self: whether self-BLEU is wanted.
    """
    found: list[Score] = []
    own = f"{len(samples)} samples"
    if references:
        real = f"{len(references)} references"
        for n, value in bleu(samples, references, orders=ORDERS).items():
            found.append(Score(f"bleu-{n}", value, f"{own}, {real}"))
        found.append(Score("sacrebleu", corpus_bleu(samples, references), f"{own}, {real}"))
        lm, reverse_lm = _likelihoods(samples, references)
        found.append(Score("lm", lm, f"{own} under a model of {real}"))
        found.append(Score("reverse-lm", reverse_lm, f"{real} under a model of {own}"))
    if with_self:
        for n, value in self_bleu(samples, orders=ORDERS).items():
            others = f"{own}, each against {len(samples) - 1} others"
            found.append(Score(f"self-bleu-{n}", value, others))
    for n in (1, 2, 3, 4):
        found.append(Score(f"distinct-{n}", distinct(samples, order=n), own))
    found.append(Score("duplicates", 1 - unique(samples), own))
    if references:
        copied = 1 - novelty(samples, references)
        found.append(Score("in-references", copied, f"{own}, {real}"))
    if train:
        fresh = novelty(samples, train)
        found.append(Score("novelty", fresh, f"{own}, {len(train)} training sentences"))
    return found


def _likelihoods(samples: Sentences, references: Sentences) -> tuple[float, float]:
    """LM and reverse-LM score, on the words of both sides."""
    size = count_words(samples, references)
    of_references = LanguageModel(references, vocabulary_size=size)
    of_samples = LanguageModel(samples, vocabulary_size=size)
    return of_references.nll(samples), of_samples.nll(references)


def _facts(
    samples: Sentences,
    references: Sentences | None,
    train: Sentences | None,
    tokenizer: Tokenizer,
) -> dict[str, str | int]:
    """What has to be known to compare the scores with others."""
    facts: dict[str, str | int] = {
        "num_samples": len(samples),
        "num_empty": sum(not each for each in samples),
        "tokenizer": str(tokenizer),
        "protocol": PROTOCOL,
    }
    if references:
        case = "lc" if tokenizer is Tokenizer.word else "mixed"
        facts["num_references"] = len(references)
        facts["signature"] = (
            f"nrefs:{len(references)}|case:{case}|eff:no|tok:{tokenizer}|smooth:exp"
        )
    if train:
        facts["num_train"] = len(train)
    return facts


def _read(path: Path, tokenizer: Tokenizer, *, keep_blank: bool = False) -> Sentences:
    """The sentences of a file, tokenised."""
    if path.suffix.lower() in (".jsonl", ".csv"):
        from multigan.data.source import sentences

        lines = sentences(path)
    else:
        lines = _lines(path)
    split = word_tokens if tokenizer is Tokenizer.word else str.split
    found = [split(line) for line in lines]
    if not any(found):
        raise DataError(f"{path}: no sentence in it; write one sentence a line")
    return found if keep_blank else [each for each in found if each]


def _lines(path: Path) -> list[str]:
    """Lines of a text file, blank ones too: a model that writes nothing has to answer for it."""
    if not path.exists():
        raise DataError(f"{path}: no such file; check the path")
    try:
        whole = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8"
        raise DataError(message) from error
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror}); give a text file"
        raise DataError(message) from error
    lines = whole.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]
