"""Vocoders that other projects have trained: checkpoints of HiFi-GAN (jik876/hifi-gan).

``g_02500000``, ``generator_v1`` and the like hold ``{"generator": tensors}``. Widths, kernel sizes
and the kind of residual block can be read from the shapes. Dilations and rates cannot: those of the
published V1, V2 and V3 are assumed (a rate is half its kernel), and the spectrograms of their
LJSpeech models, unless the project's config.json lies beside the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from multigan.errors import CheckpointError
from multigan.inference.foreign import Imported
from multigan.plugins.audio.networks.hifigan import HiFiGANGenerator
from multigan.plugins.audio.recipe import MelConfig
from multigan.plugins.audio.vocoder.variants import VARIANTS

State = Mapping[str, Tensor]

LAYOUT = "hifi-gan"
PUBLISHED = MelConfig(rate=22_050, n_fft=1024, hop=256, mels=80, fmax=8000.0)
"""How the published models hear: LJSpeech, VCTK and the universal one alike."""

# Their name in config.json -> ours.
SIZES = {
    "upsample_rates": "rates",
    "upsample_kernel_sizes": "kernels",
    "resblock_kernel_sizes": "residual_kernels",
    "resblock_dilation_sizes": "dilations",
}
MEL = {
    "sampling_rate": "rate", "n_fft": "n_fft", "hop_size": "hop", "win_size": "win",
    "num_mels": "mels", "fmin": "fmin", "fmax": "fmax",
}  # fmt: skip


def imported(state: State) -> Imported | None:
    """A generator of ours with these weights; None where the layout is unknown.

    Args:
        state: tensors; an attribute ``settings`` is what config.json beside the file says.

    Raises:
        CheckpointError: it is a HiFi-GAN, but not all of one, or of unknown sizes.
    """
    if "conv_post.bias" not in state or not any(key.startswith("resblocks.") for key in state):
        return None
    settings: Mapping[str, Any] = getattr(state, "settings", {})
    plain = _without_norms(state)
    try:
        sizes = _sizes(plain, settings)
        generator = HiFiGANGenerator(**sizes, weight_norm=False)
        mel = _mel(generator, settings)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise CheckpointError(f"looks like {LAYOUT}, but its config.json: {problem}") from error
    except (KeyError, ValueError, TypeError, IndexError) as error:
        advice = "" if settings else "; put its own config.json beside the file"
        raise CheckpointError(
            f"looks like {LAYOUT}, but its sizes do not fit: {error}{advice}"
        ) from error
    _fill(generator, _renamed(plain, len(sizes["residual_kernels"])))
    said = (
        "from the config.json beside it" if settings else "those of the published models, assumed"
    )
    notes = (
        f"Rates, dilations and spectrograms are {said}: {mel.rate} Hz, n_fft {mel.n_fft}, hop "
        f"{mel.hop}, {mel.mels} bands up to {mel.fmax or mel.rate / 2:g} Hz.",
    )
    return Imported(LAYOUT, {"generator": generator}, {"mel": mel.model_dump(mode="json")}, notes)


def _sizes(plain: State, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the generator."""
    first = plain["conv_pre.weight"]
    kernels: list[int] = []
    while (up := plain.get(f"ups.{len(kernels)}.weight")) is not None:
        kernels.append(up.shape[2])
    second = any(".convs2." in key for key in plain)
    leaf = "convs1" if second else "convs"
    count = 1 + max(int(key.split(".")[1]) for key in plain if key.startswith("resblocks."))
    residual = [
        plain[f"resblocks.{index}.{leaf}.0.weight"].shape[2]
        for index in range(count // max(1, len(kernels)))
    ]
    sizes: dict[str, Any] = {
        "mels": first.shape[1],
        "width": len(first),
        "block": 1 if second else 2,
        "kernels": kernels,
        "rates": [kernel // 2 for kernel in kernels],
        "residual_kernels": residual,
        "dilations": VARIANTS["v1" if second else "v3"]["dilations"],
    }
    return sizes | {ours: settings[name] for name, ours in SIZES.items() if name in settings}


def _mel(generator: HiFiGANGenerator, settings: Mapping[str, Any]) -> MelConfig:
    """How its spectrograms are taken."""
    if settings:
        mel = MelConfig.model_validate({ours: settings[name] for name, ours in MEL.items()})
    else:
        mel = PUBLISHED
    for name, ours, theirs in (
        ("samples of a frame", generator.hop, mel.hop),
        ("mel bands", generator.mels, mel.mels),
    ):
        if ours != theirs:
            told = "config.json says" if settings else "the published models have"
            raise ValueError(f"it has {ours} {name}, {told} {theirs}")
    return mel


def _without_norms(state: State) -> dict[str, Tensor]:
    """Weights with their norms multiplied in, however torch has stored them."""
    plain = {}
    for key, tensor in state.items():
        layer, _, leaf = key.rpartition(".")
        layer = layer.removesuffix(".parametrizations.weight")
        norm = state.get(
            f"{layer}.weight_g", state.get(f"{layer}.parametrizations.weight.original0")
        )
        if leaf in ("weight_v", "original1") and norm is not None:
            length = torch.linalg.vector_norm(tensor.float(), dim=(1, 2), keepdim=True)
            plain[f"{layer}.weight"] = norm.float() * tensor.float() / length
        elif leaf not in ("weight_g", "original0"):
            plain[key] = tensor.float()
    return plain


def _renamed(plain: State, blocks: int) -> dict[str, Tensor]:
    """By the names of our network, whose residual blocks are counted stage by stage."""
    ends = {"conv_pre": "first", "conv_post": "last"}
    chains = {"convs": "dilated", "convs1": "dilated", "convs2": "plain"}
    renamed = {}
    for key, tensor in plain.items():
        layer, _, leaf = key.rpartition(".")
        if block := re.fullmatch(r"resblocks\.(\d+)\.(convs[12]?)\.(\d+)", layer):
            stage, place = divmod(int(block[1]), blocks)
            layer = f"blocks.{stage}.{place}.{chains[block[2]]}.{block[3]}"
        elif up := re.fullmatch(r"ups\.(\d+)", layer):
            layer = f"up.{up[1]}"
        renamed[f"{ends.get(layer, layer)}.{leaf}"] = tensor
    return renamed


def _fill(generator: HiFiGANGenerator, tensors: Mapping[str, Tensor]) -> None:
    wanted = {key: tensor.shape for key, tensor in generator.state_dict().items()}
    for key in [*wanted, *tensors]:
        if key not in tensors:
            problem = f"{key} is missing"
        elif key not in wanted:
            problem = f"{key[:60]} does not belong to it"
        elif tensors[key].shape != wanted[key]:
            problem = f"{key} is {tuple(tensors[key].shape)} and not {tuple(wanted[key])}"
        else:
            continue
        raise CheckpointError(f"looks like {LAYOUT}, but {problem}")
    generator.load_state_dict(tensors)
