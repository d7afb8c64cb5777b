"""``multigan score captions``: how right and how varied captions are. Imports no torch."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from multigan.errors import DataError, PluginError, suggestion
from multigan.metrics.ptb import ptb_tokens
from multigan.plugins.captioning.caption_files import Captions, read_captions, read_sentences
from multigan.plugins.captioning.java_scores import SCORERS, check_java, java_score
from multigan.plugins.captioning.scores import ACCURACY, accuracy, variety

METRICS = (*ACCURACY, "diversity", *SCORERS)
PROTOCOL = (
    "coco-caption's: corpus BLEU with the nearest reference length, ROUGE-L with beta 1.2, CIDEr "
    "is CIDEr-D; of several captions of a picture the first is scored, all of them for diversity"
)

app = typer.Typer()


class Tokenizer(StrEnum):
    """How a caption becomes tokens."""

    ptb = "ptb"
    none = "none"


@app.command()
def captions(
    results: Annotated[
        Path, typer.Argument(help='Captions: [{"image_id": 1, "caption": "..."}, ...].')
    ],
    references: Annotated[
        Path, typer.Option(help='COCO annotations, or [{"image_id": 1, "refs": [...]}, ...].')
    ],
    train: Annotated[Path | None, typer.Option(help="The training captions, for novelty.")] = None,
    tokenizer: Annotated[
        Tokenizer,
        typer.Option(
            help="ptb: lower case, as coco-caption reads raw text; none: split at blanks."
        ),
    ] = Tokenizer.ptb,
    metrics: Annotated[
        str, typer.Option(help=f"Separated by commas, of: {', '.join(METRICS)}.")
    ] = ",".join((*ACCURACY, "diversity")),
    subset: Annotated[
        bool, typer.Option("--subset", help="Leave out references of pictures without a caption.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score captions of pictures against references.

    A picture that stands in the file several times has several captions: the first one is compared
    with the references, all of them with each other. meteor and spice need pycocoevalcap and Java.
    """
    chosen = _chosen(metrics)
    made, real = read_captions(results), read_captions(references)
    known = read_sentences(train) if train else []
    _check_pictures(made, real, results=results, references=references, subset=subset)
    split = ptb_tokens if tokenizer is Tokenizer.ptb else str.split
    hypotheses = [[split(text) for text in said] for said in made.values()]
    real_tokens = [[split(text) for text in real[name]] for name in made]
    first = [said[0] for said in hypotheses]
    found: dict[str, float] = accuracy(first, real_tokens, metrics=chosen)
    for name in SCORERS:
        if name in chosen:
            found[name] = java_score(name, first, real_tokens)
    if "diversity" in chosen:
        found |= variety(hypotheses, train=[split(text) for text in known])
    counts = {
        "images": len(made),
        "captions": sum(map(len, hypotheses)),
        "references": sum(map(len, real_tokens)),
        "empty": sum(not tokens for said in hypotheses for tokens in said),
    }
    if known:
        counts["train"] = len(known)
    facts = {"counts": counts, "tokenizer": str(tokenizer), "protocol": PROTOCOL}
    if as_json:
        print(json.dumps(found | facts, indent=1))
        return
    _print_table(found, facts)


def _chosen(metrics: str) -> list[str]:
    chosen = [name.strip() for name in metrics.split(",") if name.strip()]
    for name in chosen:
        if name not in METRICS:
            raise PluginError(f"unknown metric '{name}'{suggestion(name, METRICS)}")
        if name in SCORERS:
            check_java(name)
    if not chosen:
        raise PluginError(f"name at least one metric of: {', '.join(METRICS)}")
    return chosen


def _check_pictures(
    made: Captions, real: Captions, *, results: Path, references: Path, subset: bool
) -> None:
    """Both files speak of the same pictures, and the results as often of each."""
    unknown = [name for name in made if name not in real]
    if unknown:
        raise DataError(
            f"{results}: {len(unknown)} of {len(made)} images have no references in {references} "
            f"(the first is {unknown[0]}); take them out, or give the references that belong to it"
        )
    missing = [name for name in real if name not in made]
    if missing and not subset:
        raise DataError(
            f"{results}: {len(missing)} of the {len(real)} images of {references} have no caption "
            f"(the first is {missing[0]}); caption them, or score the others with --subset"
        )
    name, said = next(iter(made.items()))
    for other, captions in made.items():
        if len(captions) != len(said):
            raise DataError(
                f"{results}: image {name} has {len(said)} captions, image {other} has "
                f"{len(captions)}; give as many of each"
            )


def _print_table(found: dict[str, float], facts: dict[str, Any]) -> None:
    for name, value in found.items():
        print(f"{name:<10}  {value:.0f}" if name == "vocabulary" else f"{name:<10}  {value:.4f}")
    counts = facts["counts"]
    print(f"\n{', '.join(f'{counts[key]} {key}' for key in ('images', 'captions', 'references'))}")
    if counts["empty"]:
        print(f"{counts['empty']} of {counts['captions']} captions are without words")
    if counts["images"] == 1 and "cider" in found:
        print("CIDEr weighs words by the pictures that have them: of one picture it is 0")
    print(f"tokenizer {facts['tokenizer']}. {facts['protocol']}.")
