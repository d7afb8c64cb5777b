"""Models for other programs."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

import multigan
from multigan.errors import ExportError
from multigan.inference import programs
from multigan.inference.export import LIMIT, export_model
from multigan.inference.pipeline import Exportable, Pipeline
from multigan.inference.pretrained import save_model
from multigan.plugins.image.networks import DCGANGenerator, R3GANGenerator
from multigan.plugins.image.pipeline import ImagePipeline
from multigan.plugins.translation.networks import CompactGenerator, ResnetGenerator, UNetGenerator
from multigan.plugins.translation.pipeline import TranslationPipeline

SIZES = [(1, 16, 20), (3, 24, 16), (2, 64, 52)]
CARD = "---\nlicense: cc0-1.0\n---\n\n# ink\n\nDraws with ink.\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved translation model with random weights and two directions, named 'ink'."""
    torch.manual_seed(0)
    networks = {name: CompactGenerator(width=8, blocks=1) for name in ("forth", "back")}
    facts = {
        "multiple": 4,
        "minimum": 16,
        "halo": networks["forth"].reach,
        "directions": {"ab": "forth", "ba": "back"},
    }
    folder = tmp_path_factory.mktemp("models") / "ink"
    save_model(folder, facts, networks, plugin="translation", method="cartoon", card=CARD)
    return folder


@pytest.fixture(scope="module")
def onnx_file(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "ink.onnx"
    made = export_model(multigan.pipeline(model), path, half=True, direction="ba")
    assert (made.path, made.size) == (path, path.stat().st_size)
    assert made.difference < 1e-5
    return path


def rounded(network: nn.Module) -> nn.Module:
    """With the weights that --half stores."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half())
    return network


def test_onnx_equals_torch_where_there_is_no_torch(
    onnx_file: Path, model: Path, tmp_path: Path
) -> None:
    generator = rounded(multigan.pipeline(model).components["back"])
    for number, (count, height, width) in enumerate(SIZES):
        photo = torch.rand(count, 3, height, width) * 2 - 1
        np.save(tmp_path / f"in{number}.npy", photo.numpy())
        np.save(tmp_path / f"out{number}.npy", generator(photo).numpy())
    program = (
        "import sys\n"
        "for name in ('torch', 'multigan', 'onnx'): sys.modules[name] = None\n"
        "import numpy, onnxruntime\n"
        f"session = onnxruntime.InferenceSession({str(onnx_file)!r})\n"
        f"for number in range({len(SIZES)}):\n"
        "    photo = numpy.load(f'in{number}.npy')\n"
        "    (found,) = session.run(None, {'photo': photo})\n"
        "    print(abs(found - numpy.load(f'out{number}.npy')).max())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    differences = [float(line) for line in done.stdout.split()]
    assert len(differences) == 3 and max(differences) < LIMIT


def test_onnx_says_what_a_caller_must_know(onnx_file: Path) -> None:
    import onnx

    file = onnx.load(onnx_file)
    sizes = [d.dim_param or d.dim_value for d in file.graph.input[0].type.tensor_type.shape.dim]
    assert sizes == ["batch", 3, "height", "width"]
    notes = {entry.key: entry.value for entry in file.metadata_props}
    assert notes["multigan"] == multigan.__version__
    assert (notes["licence"], notes["summary"]) == ("cc0-1.0", "Draws with ink.")
    assert (notes["direction"], notes["multiple"], notes["range"]) == ("ba", "4", "-1 to 1")
    assert b"site-packages" not in onnx_file.read_bytes()
    assert str(Path(multigan.__file__).parent).encode() not in onnx_file.read_bytes()


@pytest.mark.parametrize("half", [False, True])
def test_torchscript_of_a_generator_with_labels(half: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = DCGANGenerator(
        size=28, channels=1, latents=6, width=4, classes=3, labels="concatenate"
    )
    facts = {"classes": ["a", "b", "c"], "colours": "grey", "plugin": "image", "method": "dcgan"}
    pipe = ImagePipeline({"generator": generator}, facts)
    made = export_model(pipe, tmp_path / "x.pt", format="torchscript", half=half)
    notes = {"classes": "", "method": ""}
    loaded = torch.jit.load(str(made.path), _extra_files=notes)
    assert json.loads(notes["classes"]) == ["a", "b", "c"] and notes["method"] == b"dcgan"
    latents, labels = torch.randn(7, 6), torch.arange(7) % 3
    expected = (rounded(generator) if half else generator)(latents, labels)
    assert torch.allclose(loaded(latents, labels), expected, atol=1e-6)
    dtypes = {value.dtype for value in loaded.state_dict().values() if value.numel() > 100}
    assert dtypes == {torch.float16 if half else torch.float32}


def test_safetensors_holds_all_networks(model: Path, tmp_path: Path) -> None:
    pipe = multigan.pipeline(model)
    made = export_model(pipe, tmp_path / "x.safetensors", format="safetensors")
    with safe_open(made.path, "pt") as file:
        notes, names = file.metadata(), set(file.keys())
        for name, network in pipe.components.items():
            for key, value in network.state_dict().items():
                assert torch.equal(file.get_tensor(f"{name}.{key}"), value)
                names.remove(f"{name}.{key}")
    assert not names
    described = json.loads(notes["networks"])["forth"]
    again = CompactGenerator(**described["arguments"])
    assert described["class"] == "compact-generator"
    assert again.state_dict().keys() == pipe.components["forth"].state_dict().keys()
    assert json.loads(notes["facts"])["multiple"] == 4


class Stub(Pipeline):
    """A pipeline around any module from pictures to pictures."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__({"generator": module}, {"plugin": "translation", "method": "stub"})

    def exportable(self) -> Exportable:
        examples = [{"x": torch.rand(2, 3, side, side)} for side in (8, 12, 16)]
        return Exportable(self.components["generator"], examples, "y", {"x": {2: "h", 3: "w"}})


class Frozen(nn.Module):
    """What tracing gets wrong: a size that Python computes stays that of the example."""

    def forward(self, x: Tensor) -> Tensor:
        return x * float(x.shape[-1])


class Cropped(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[..., : int(x.shape[-1]) // 2]


class Undefined(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.log() * float("nan")


@pytest.mark.parametrize("module", [Frozen(), Cropped(), Undefined()])
def test_what_differs_from_torch_is_not_kept(module: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(b"the one before")
    with pytest.raises(ExportError, match="not kept"):
        export_model(Stub(module), path, format="torchscript")
    assert path.read_bytes() == b"the one before"
    assert [file.name for file in tmp_path.iterdir()] == ["x.pt"]


def test_parametrised_weights_are_baked_in(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(spectral_norm(nn.Conv2d(3, 8, 3, padding=1)), nn.Conv2d(8, 3, 1))
    pipe = Stub(module)
    export_model(pipe, tmp_path / "x.pt", format="torchscript")
    loaded = torch.jit.load(str(tmp_path / "x.pt"))
    assert set(loaded.state_dict()) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    x = torch.rand(1, 3, 9, 9)
    assert torch.allclose(loaded(x), module(x), atol=1e-6)
    assert hasattr(module[0], "parametrizations")  # the model itself is left alone


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "onx"], "did you mean 'onnx'?"),
        (["-o", "x.pt"], "a onnx file ends in .onnx"),
        (["-f", "torchscript", "--opset", "20"], "only ONNX has an opset"),
        (["-f", "safetensors", "--direction", "ab"], "leave out --direction"),
        (["-f", "torchscript", "--direction", "xy"], "choose one of: ab, ba"),
        (["-f", "torchscript", "--directoin", "ab"], "did you mean '--direction'?"),
        (["-f", "torchscript", "-o", "nowhere/x.pt"], "does not exist; create it first"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], message: str, cli: Any, model: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    told = cli("export", model, *words)
    assert told.code == 2 and message in told.err and told.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named(
    cli: Any, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        programs.importlib.util,  # type: ignore[attr-defined]
        "find_spec",
        lambda name: None if name == "onnxruntime" else find(name),
    )
    told = cli("export", model, "-o", tmp_path / "x.onnx")
    assert told.code == 2 and "pip install 'multigan[onnx]'" in told.err
    assert "onnxruntime" in told.err and "onnxscript" not in told.err


def test_text_makes_no_program(cli: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    told = cli("export", "text-en", "-f", "torchscript")
    assert told.code == 2 and "safetensors" in told.err and told.err.count("\n") == 1
    assert cli("export", "text-en", "-f", "safetensors", "--half").code == 0
    assert (tmp_path / "text-en.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "pt2"])
@pytest.mark.parametrize("name", ["cartoon", "digits"])
def test_shipped_models(name: str, format: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    made = export_model(multigan.pipeline(name), format=format)
    assert made.path.name.startswith(f"{name}.") and made.difference < 1e-5


@pytest.mark.slow
def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    pipe = multigan.pipeline("cartoon")
    whole = export_model(pipe, tmp_path / "whole.onnx")
    half = export_model(pipe, tmp_path / "half.onnx", half=True)
    assert half.difference < 1e-5 and half.size < 0.52 * whole.size


@pytest.mark.slow
@pytest.mark.parametrize(
    ("generator", "multiple"),
    [
        (lambda: ResnetGenerator(width=8, blocks=2), 4),
        (lambda: ResnetGenerator(width=8, blocks=2, norm="batch", upsampling="resize"), 4),
        (lambda: UNetGenerator(width=4, depth=5, norm="instance"), 32),
    ],
)
def test_published_generators_as_onnx(generator: Any, multiple: int, tmp_path: Path) -> None:
    facts = {
        "multiple": multiple,
        "minimum": 32,
        "halo": None,
        "directions": {"ab": "generator"},
        "plugin": "translation",
        "method": "cyclegan",
    }
    pipe = TranslationPipeline({"generator": generator()}, facts)
    assert export_model(pipe, tmp_path / "x.onnx").difference < 1e-5


@pytest.mark.slow
def test_r3gan_as_onnx_of_an_older_opset(tmp_path: Path) -> None:
    import onnx

    facts = {"classes": [], "colours": "rgb", "plugin": "image", "method": "r3gan"}
    pipe = ImagePipeline({"generator": R3GANGenerator(size=32, width=16)}, facts)
    assert export_model(pipe, tmp_path / "x.onnx", opset=18).difference < 1e-5
    assert onnx.load(tmp_path / "x.onnx").opset_import[0].version == 18
