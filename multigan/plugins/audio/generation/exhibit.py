"""For the report: does the generator make sounds of its own, or copies of what it has heard?

Beside each of some generated sounds stands the training sound that is most like it. A copy has a
distance near zero. What is usual for sounds of this kind, held-out ones tell: their distances to
the training sounds most like them.

Shape suffixes: N and S sounds, M mel bands, L frames.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from torch import Tensor

from multigan.data.audio import wav_bytes
from multigan.data.files import write_atomic
from multigan.inference.pipeline import pipeline
from multigan.plugins.audio.data.clips import open_clips
from multigan.plugins.audio.generation.data import some_clips
from multigan.plugins.audio.generation.encoding import Spectrograms
from multigan.plugins.audio.generation.preview import spectrogram_pictures
from multigan.plugins.audio.generation.recipe import SoundGANRecipe
from multigan.plugins.audio.recipe import MelConfig

COMPARED = 200  # generated sounds, and at most as many held-out ones
SHOWN = 5
SEARCHED = 5000  # training sounds, at most
SHIFT = 4  # frames by which two sounds may be moved against each other


@torch.no_grad()
def write_neighbours(run: Path, recipe: SoundGANRecipe) -> None:
    """Writes ``exhibits/neighbours.json``, and what it shows and plays.

    Args:
        run: a run folder with a model.
        recipe: of the run.
    """
    from torchvision.utils import save_image

    spectra = Spectrograms(MelConfig(rate=recipe.data.rate), range_db=60.0)
    train = some_clips(open_clips(recipe.data), SEARCHED, seed=recipe.seed)["waveform"]
    held_out = some_clips(open_clips(recipe.data, "validation"), COMPARED, seed=recipe.seed)
    made = pipeline(run).sample(COMPARED, seed=0).waveforms
    train_NML, made_SML = spectra.mels(train), spectra.mels(made)
    made_S, which_S = nearest(made_SML, train_NML)
    real_S, _ = nearest(spectra.mels(held_out["waveform"]), train_NML)

    folder = run / "exhibits"
    folder.mkdir(exist_ok=True)
    shown = torch.cat([made_SML[:SHOWN], train_NML[which_S[:SHOWN]]])
    save_image(spectrogram_pictures(shown), folder / "neighbours.png", nrow=SHOWN)
    files = {}
    for number in range(SHOWN):
        heard = {"generated": made[number], "nearest": train[which_S[number]]}
        for kind, samples_T in heard.items():
            name = f"{number}-{kind}.wav"
            write_atomic(folder / name, wav_bytes(samples_T.numpy(), recipe.data.rate))
            files[name] = f"{kind}, {number}"
    document = {
        "title": "Nearest training sounds",
        "text": f"Above: generated. Below: the most similar of {len(train)} training sounds, by "
        "the root-mean-square difference of log-mel spectrograms in nepers. Distances near zero "
        "would be copies.",
        "columns": ["sounds", "nearest", "middle", "farthest"],
        "rows": [["generated", *_spread(made_S)], ["held-out real ones", *_spread(real_S)]],
        "plot": "neighbours.png",
        "files": files,
    }
    write_atomic(folder / "neighbours.json", json.dumps(document, indent=1).encode())


def nearest(query_SML: Tensor, known_NML: Tensor, *, shift: int = SHIFT) -> tuple[Tensor, Tensor]:
    """The root-mean-square difference to the most similar known spectrogram, and its number.

    A copy that begins a little earlier or later is a copy: of all shifts the best one counts.
    """
    best_SN = torch.full((len(query_SML), len(known_NML)), float("inf"))
    size = query_SML[0].numel()
    for by in range(-shift, shift + 1):
        moved_SML = query_SML.roll(by, dims=2)
        if by:  # what is rolled in from the other end is not of this moment
            edge = slice(0, by) if by > 0 else slice(by, None)
            kept = query_SML[..., :1] if by > 0 else query_SML[..., -1:]
            moved_SML[..., edge] = kept
        distance_SN = torch.cdist(moved_SML.flatten(1), known_NML.flatten(1)) / math.sqrt(size)
        best_SN = torch.minimum(best_SN, distance_SN)
    distance_S, which_S = best_SN.min(dim=1)
    return distance_S, which_S


def _spread(distance_S: Tensor) -> list[float]:
    return [float(distance_S.min()), float(distance_S.median()), float(distance_S.max())]
