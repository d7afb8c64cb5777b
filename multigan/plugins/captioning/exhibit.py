"""For the report: people, the pretraining and the game on the same held-out pictures.

A language model that is drawn from more boldly is more varied and less often right, so that the two
are only compared at equal temperature, at several, and with the same counts. What chance can do
stands beside: the best single caption for all pictures, and the captions of another picture.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from multigan.inference.pipeline import pipeline
from multigan.metrics.cider import Cider
from multigan.metrics.ptb import ptb_tokens
from multigan.plugins.captioning.data.collection import CAPTIONS
from multigan.plugins.captioning.data.corpus import Corpus
from multigan.plugins.captioning.evaluation import (
    HeldOut,
    encode,
    held_out,
    mean,
    score_captions,
    write_captions,
)
from multigan.plugins.captioning.recipe import CaptionRecipe
from multigan.training.phases import Noise

SEARCHED = 200  # training pictures whose captions may be the single one, and are its references
COLUMNS = ("true", "cider", "wrong-cider", "bleu-4", "div-1", "div-2", "mbleu-4", "vocabulary")


def write_exhibit(run: Path, recipe: CaptionRecipe, corpus: Corpus) -> None:
    """Writes ``exhibits/captions.json``.

    Args:
        run: a run folder with a model.
        recipe: of the run.
        corpus: what it was trained on.
    """
    settings = recipe.evaluate
    pictures = held_out(corpus, pictures=settings.exhibit, size=recipe.data.size)
    columns = [name for name in COLUMNS if name != "true" or pictures.scenes is not None]
    people = _people(corpus, pictures)
    rows: list[list[Any]] = [["people", "", *_cells([people], columns)]] if people else []
    single, value = best_single(corpus, pictures)
    rows.append([f"always '{single}'", "", *(value if c == "cider" else "" for c in columns)])
    folders = {"MLE": run / "stages" / "mle", "GAN": run / "model"}
    if not recipe.steps.adversarial:
        folders = {"MLE": run / "model"}
    for temperature in settings.temperatures:
        for name, folder in folders.items():
            if not folder.is_dir():
                continue
            model: Any = pipeline(folder)
            grid_BND = encode(model.encoder, pictures.images, torch.device("cpu"))
            scores = []
            for seed in range(settings.seeds):
                texts = write_captions(
                    model.generator, corpus, grid_BND, Noise(seed),
                    captions=settings.captions, temperature=temperature,
                )  # fmt: skip
                scores.append(score_captions(texts, pictures))
            rows.append([name, temperature, *_cells(scores, columns)])
    shown = {
        "title": "People, pretraining and game",
        "text": f"{settings.captions} captions of each of {len(pictures)} held-out pictures, mean "
        f"and standard deviation of {settings.seeds} sampling seeds, all references. Captions of "
        "people are scored against the picture's other captions.",
        "columns": ["captions", "temperature", *columns],
        "rows": rows,
    }
    folder = run / "exhibits"
    folder.mkdir(exist_ok=True)
    (folder / "captions.json").write_text(json.dumps(shown, indent=1), encoding="utf-8")


def best_single(corpus: Corpus, pictures: HeldOut) -> tuple[str, float]:
    """The training caption that fits training pictures best, and its CIDEr on held-out ones."""
    train = corpus.train.collection
    known = [
        [ptb_tokens(text) for text in train.captions(i)] for i in range(min(SEARCHED, len(train)))
    ]
    texts = [text for i in range(len(known)) for text in train.captions(i)[:1]]
    scorer = Cider(known)
    words = [ptb_tokens(text) for text in texts]
    totals = torch.zeros(len(words))
    for own in known:
        totals += torch.tensor(scorer.score(words, own))
    best = int(totals.argmax())
    references = [[ptb_tokens(text) for text in of] for of in pictures.captions]
    scorer = Cider(references)
    return texts[best], mean([scorer.score([words[best]], own)[0] for own in references])


def _people(corpus: Corpus, pictures: HeldOut) -> dict[str, float]:
    """Half of what people say, against the other half; empty where they say too little.

    Of scenes the grammar says more than the references.
    """
    captions = pictures.captions
    if pictures.scenes is not None:
        from multigan.data.grammar import captions as say

        captions = [say(scene, 2 * CAPTIONS) for scene in pictures.scenes]
    count = min(map(len, captions)) // 2
    if count < 2:
        return {}
    others = HeldOut(pictures.images, [of[count:] for of in captions], pictures.scenes)
    return score_captions([of[:count] for of in captions], others, known=corpus.known)


def _cells(scores: Sequence[dict[str, float]], columns: Sequence[str]) -> list[str]:
    return [_cell([each[name] for each in scores if name in each]) for name in columns]


def _cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    if values[0] > 20:  # a count of words
        return f"{mean(values):.0f}"
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{mean(values):.4f}{spread}"
