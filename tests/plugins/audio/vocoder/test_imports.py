"""Published HiFi-GAN checkpoints, against a generator that is written here from the paper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import multigan
from multigan.errors import CheckpointError
from multigan.inference.foreign import import_model, open_checkpoint

SIZES: dict[str, dict[str, Any]] = {
    # The published ones, but narrow; the last one is nobody's and needs its config.json.
    "v1": {"rates": (8, 8, 2, 2), "kernels": (16, 16, 4, 4), "blocks": (3, 7, 11),
           "dilations": ((1, 3, 5),) * 3, "second": True, "mels": 80},
    "v3": {"rates": (8, 8, 4), "kernels": (16, 16, 8), "blocks": (3, 5, 7),
           "dilations": ((1, 2), (2, 6), (3, 12)), "second": False, "mels": 80},
    "own": {"rates": (5, 4), "kernels": (11, 8), "blocks": (3, 5),
            "dilations": ((1, 4), (2, 3)), "second": True, "mels": 20},
}  # fmt: skip
CONFIG = {
    "resblock": "1", "upsample_rates": [5, 4], "upsample_kernel_sizes": [11, 8],
    "upsample_initial_channel": 16, "resblock_kernel_sizes": [3, 5],
    "resblock_dilation_sizes": [[1, 4], [2, 3]], "num_mels": 20, "n_fft": 80, "hop_size": 20,
    "win_size": 80, "sampling_rate": 4000, "fmin": 0, "fmax": 1500, "fmax_for_loss": None,
}  # fmt: skip
WIDTH = 16


class Reference:
    """HiFi-GAN's generator as functions of a checkpoint's tensors, one line an operation."""

    def __init__(self, sizes: dict[str, Any]) -> None:
        self.sizes, self.tensors = sizes, {}
        generator = torch.Generator().manual_seed(0)

        def add(name: str, *shape: int) -> None:
            v = torch.randn(*shape, generator=generator)
            deviation = (2.0 / (shape[1] * shape[2])) ** 0.5
            self.tensors[f"{name}.weight_v"] = v
            g = v.norm(dim=(1, 2), keepdim=True) * deviation
            self.tensors[f"{name}.weight_g"] = g

        def bias(name: str, size: int) -> None:
            self.tensors[f"{name}.bias"] = 0.1 * torch.randn(size, generator=generator)

        width = WIDTH
        add("conv_pre", width, sizes["mels"], 7)
        bias("conv_pre", width)
        for stage, kernel in enumerate(sizes["kernels"]):
            add(f"ups.{stage}", width, width // 2, kernel)
            bias(f"ups.{stage}", width // 2)
            width //= 2
            for place, (size, given) in enumerate(
                zip(sizes["blocks"], sizes["dilations"], strict=True)
            ):
                block = f"resblocks.{stage * len(sizes['blocks']) + place}"
                for index in range(len(given)):
                    for chain in ("convs1", "convs2") if sizes["second"] else ("convs",):
                        add(f"{block}.{chain}.{index}", width, width, size)
                        bias(f"{block}.{chain}.{index}", width)
        add("conv_post", 1, width, 7)
        bias("conv_post", 1)

    def weight(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        v, g = self.tensors[f"{name}.weight_v"], self.tensors[f"{name}.weight_g"]
        norm = v.flatten(1).square().sum(1).sqrt()[:, None, None]
        return v / norm * g, self.tensors[f"{name}.bias"]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        sizes = self.sizes
        x = F.conv1d(x, *self.weight("conv_pre"), padding=3)
        for stage, (rate, kernel) in enumerate(zip(sizes["rates"], sizes["kernels"], strict=True)):
            x = F.leaky_relu(x, 0.1)
            x = F.conv_transpose1d(
                x, *self.weight(f"ups.{stage}"), stride=rate, padding=(kernel - rate) // 2
            )
            total = torch.zeros(())
            for place, (size, given) in enumerate(
                zip(sizes["blocks"], sizes["dilations"], strict=True)
            ):
                block, y = f"resblocks.{stage * len(sizes['blocks']) + place}", x
                for index, dilation in enumerate(given):
                    pad = (size * dilation - dilation) // 2
                    first = "convs1" if sizes["second"] else "convs"
                    z = F.leaky_relu(y, 0.1)
                    z = F.conv1d(
                        z, *self.weight(f"{block}.{first}.{index}"), padding=pad, dilation=dilation
                    )
                    if sizes["second"]:
                        z = F.leaky_relu(z, 0.1)
                        z = F.conv1d(z, *self.weight(f"{block}.convs2.{index}"), padding=size // 2)
                    y = y + z
                total = total + y
            x = total / len(sizes["blocks"])
        x = F.conv1d(F.leaky_relu(x), *self.weight("conv_post"), padding=3)  # slope 0.01
        return torch.tanh(x)[:, 0]

    def save(self, path: Path) -> Path:
        torch.save({"generator": self.tensors}, path)
        return path


@pytest.mark.parametrize("name", SIZES)
def test_it_sounds_as_the_reference_does(name: str, tmp_path: Path) -> None:
    reference = Reference(SIZES[name])
    file = reference.save(tmp_path / "g_00000001")
    if name == "own":
        (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    import_model(file, tmp_path / "model")
    pipe: Any = multigan.pipeline(tmp_path / "model")
    mels = torch.randn(2, SIZES[name]["mels"], 12, generator=torch.Generator().manual_seed(1))
    expected = reference(mels)
    assert expected.std() > 0.05
    torch.testing.assert_close(pipe(mels).waveforms, expected, atol=1e-5, rtol=1e-4)
    card = (tmp_path / "model" / "README.md").read_text()
    if name == "own":
        assert (pipe.rate, pipe.mel.fmax) == (4000, 1500)
        assert "config.json beside it" in card
    else:
        assert (pipe.rate, pipe.mel.n_fft, pipe.mel.fmax) == (22_050, 1024, 8000)
        assert "assumed: 22050 Hz" in card


def test_folded_and_newly_named_norms_are_known_too(tmp_path: Path) -> None:
    reference = Reference(SIZES["v3"])
    mels = torch.randn(1, 80, 5)
    layers = {key.rpartition(".")[0] for key in reference.tensors}
    biases = {f"{layer}.bias": reference.tensors[f"{layer}.bias"] for layer in layers}
    folded = {f"{layer}.weight": reference.weight(layer)[0] for layer in layers} | biases
    renamed = biases | {
        f"{layer}.parametrizations.weight.original{i}": reference.tensors[f"{layer}.weight_{leaf}"]
        for layer in layers
        for i, leaf in enumerate("gv")
    }
    for number, tensors in enumerate((folded, renamed)):
        torch.save(tensors, tmp_path / f"{number}.pth")
        pipe: Any = open_checkpoint(tmp_path / f"{number}.pth")
        torch.testing.assert_close(pipe(mels).waveforms, reference(mels), atol=1e-5, rtol=1e-4)


def _without(reference: Reference, key: str) -> None:
    del reference.tensors[key]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda r: _without(r, "resblocks.4.convs.1.bias"), "blocks.1.1.dilated.1.bias is missing"),
        (lambda r: _without(r, "conv_pre.weight_v"), "hifi|sizes do not fit"),
        (lambda r: r.tensors.update({"extra.bias": torch.ones(2)}), "extra.bias does not belong"),
        (lambda r: r.tensors.update({"ups.0.bias": torch.ones(2)}), r"up.0.bias is \(2,\)"),
    ],
)
def test_damage_is_told_in_one_line(damage: Any, message: str, tmp_path: Path) -> None:
    reference = Reference(SIZES["v3"])
    damage(reference)
    with pytest.raises(CheckpointError, match=message) as raised:
        open_checkpoint(reference.save(tmp_path / "g"))
    assert "\n" not in str(raised.value)


def test_unknown_spectrograms_need_the_config(tmp_path: Path) -> None:
    file = Reference(SIZES["own"]).save(tmp_path / "g")
    with pytest.raises(CheckpointError, match=r"put its own config.json beside"):
        open_checkpoint(file)
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "hop_size": 40}))
    with pytest.raises(CheckpointError, match=r"20 samples of a frame, config.json says 40"):
        open_checkpoint(file)
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "upsample_rates": "fast"}))
    with pytest.raises(CheckpointError, match=r"looks like hifi-gan"):
        open_checkpoint(file)


def test_other_networks_are_left_to_others() -> None:
    from multigan.plugins.audio.imports import imported

    assert imported(nn.Linear(3, 4).state_dict()) is None
    assert imported({}) is None
