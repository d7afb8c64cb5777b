"""Copy-synthesis: held-out sounds become spectrograms and sounds again. How near are they?"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss
from torch.utils.data import default_collate

from multigan.data.audio import wav_bytes
from multigan.losses.spectral import multi_resolution_stft
from multigan.metrics.mcd import mel_cepstral_distortion
from multigan.plugins.audio.generation.preview import spectrogram_pictures
from multigan.plugins.audio.griffin_lim import invert_mels
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.vocoder.data import open_segments
from multigan.plugins.audio.vocoder.recipe import VocoderRecipe
from multigan.training.phases import Preview

SEED = 0  # of the segments, so that all scores of a run are of the same ones


class Evaluation:
    """Held-out segments and what is compared with them.

    Args:
        recipe: data, spectrograms and the number of segments.
        device: where networks are.
    """

    def __init__(self, recipe: VocoderRecipe, *, device: torch.device) -> None:
        self.recipe = recipe
        segments = open_segments(recipe, split="validation")
        total = len(segments)  # type: ignore[arg-type]
        count = min(total, max(1, recipe.evaluate.clips))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            batch = default_collate([segments[i * total // count] for i in range(count)])
        self.hear = LogMel(recipe.mel).to(device)
        self.compare = LogMel(recipe.mel.model_copy(update={"fmax": None})).to(device)
        self.real_BT: Tensor = batch["waveform"].to(device)
        given = batch.get("mel")
        self.mel_BMF: Tensor = self.hear(self.real_BT) if given is None else given.to(device)
        self._baseline: dict[str, float] | None = None

    def scores(self, generator: nn.Module) -> dict[str, float]:
        """``mel-l1``, ``mcd``, ``stft-distance``: the smaller, the nearer; and the baseline's."""
        if self._baseline is None:
            iterations = self.recipe.evaluate.griffin_lim
            self._baseline = {}
            if iterations:
                made_BT = invert_mels(self.mel_BMF, self.hear, iterations=iterations)
                self._baseline = {
                    f"{name}-griffin-lim": value for name, value in self._distances(made_BT).items()
                }
        return self._distances(generator(self.mel_BMF)) | self._baseline

    def preview(self, generator: nn.Module, count: int) -> Preview:
        """Real segments above made ones, as spectrograms; and as sounds."""
        real_BT = self.real_BT[:count]
        made_BT = generator(self.mel_BMF[:count])
        files = {
            f"{number}-{kind}.wav": wav_bytes(sound.cpu().numpy(), self.recipe.mel.rate)
            for number, pair in enumerate(zip(real_BT, made_BT, strict=True))
            for kind, sound in zip(("real", "made"), pair, strict=True)
        }
        both_BT = torch.cat([real_BT, made_BT])
        pictures = spectrogram_pictures(self.compare(both_BT))
        return Preview(images=pictures, columns=len(real_BT), files=files)

    def _distances(self, made_BT: Tensor) -> dict[str, float]:
        size = self.recipe.mel.n_fft
        made_BMF, real_BMF = self.compare(made_BT), self.compare(self.real_BT)
        spectra = multi_resolution_stft(
            made_BT, references=self.real_BT, sizes=(size // 2, size, 2 * size)
        )
        mcds = map(mel_cepstral_distortion, made_BMF, real_BMF)
        return {
            "mel-l1": float(l1_loss(made_BMF, real_BMF)),
            "mcd": sum(mcds) / len(made_BMF),
            "stft-distance": float(spectra),
        }
