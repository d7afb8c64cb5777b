"""Who may import whom, and what costs nothing until it is used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "multigan"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)
HEAVY = ("torch", "torchvision", "torchaudio", "datasets", "transformers", "av", "numpy", "PIL")

# What a part may import of multigan, beside itself. An entry ends a name or a package.
ALLOWED = {
    "errors": (),
    "plugin": ("errors",),
    "weights": ("errors",),
    "registry": ("errors", "plugin", "plugins"),
    "config": ("errors", "plugin", "registry"),
    "nn": ("losses", "errors"),
    "losses": ("nn", "errors", "config.objectives"),
    "metrics": ("nn", "losses", "errors"),
    "data": ("errors", "config"),
    "training": (
        "errors", "config", "data.sampler", "data.media", "data.files", "plugin", "registry",
        "weights",
    ),
    "inference": ("errors", "config", "data.media", "plugin", "registry", "weights", ""),
    # What other people's pipelines use: pictures through any pipeline that translates them.
    "transforms": ("errors", "data.media", "inference.pipeline", "inference.pretrained"),
    "cli": ("errors", "config", "training", "inference", "registry", "plugin", ""),
    "plugins": (
        "errors", "config", "nn", "losses", "data", "metrics", "plugin", "registry", "weights",
        "training.phases", "training.classification", "inference.pipeline", "inference.foreign",
    ),
}  # fmt: skip
# Training ends with a model, so one file of it saves what another part loads; the optimiser keeps
# the histories that are defined among the losses.
EXCEPTIONS = {
    ("training.train", "inference.pretrained"),
    ("training.optim", "losses.history"),
}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path, *, only_top: bool = False) -> set[str]:
    """Absolute names that a file imports; of ``from a import b``, both a and a.b where a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if only_top else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module
            submodules = {
                f"{node.module}.{alias.name}"
                for alias in node.names
                if (ROOT / f"{node.module}.{alias.name}".replace(".", "/")).is_dir()
                or (ROOT / f"{node.module}.{alias.name}".replace(".", "/"))
                .with_suffix(".py")
                .is_file()
            }
            found |= submodules or {node.module}
    return found


def own(path: Path) -> set[str]:
    """Modules of multigan that a file imports, without the package's name."""
    names = {name for name in imports(path) if name.partition(".")[0] == "multigan"}
    return {name.partition(".")[2] for name in names}


def within(name: str, entry: str) -> bool:
    return name == entry or (entry != "" and name.startswith(entry + "."))


@pytest.mark.parametrize("path", FILES, ids=[module_of(path) or "multigan" for path in FILES])
def test_arrows(path: Path) -> None:
    module = module_of(path)
    if module in ("", "__main__"):
        return
    part = module.partition(".")[0]
    assert part in ALLOWED, f"say in this test what {part} may import"
    home = ".".join(module.split(".")[:2]) if part == "plugins" else part
    for name in own(path):
        fine = within(name, home) or (module, name) in EXCEPTIONS
        fine = fine or any(within(name, entry) for entry in ALLOWED[part])
        if part == "registry":
            fine = name in ("errors", "plugin", "plugins")  # the package, none of the plugins
        assert fine, f"multigan.{module} imports multigan.{name}"


@pytest.mark.parametrize("part", ["nn", "losses", "metrics"])
def test_pure_parts_use_few_libraries(part: str) -> None:
    allowed = {"torch", "numpy", "scipy", "multigan", "torchvision", *sys.stdlib_module_names}
    for path in FILES:
        if module_of(path).partition(".")[0] == part:
            top = {name.partition(".")[0] for name in imports(path, only_top=True)}
            assert top <= allowed, f"{path.name} imports {top - allowed}"


CORE = [p for p in FILES if module_of(p).partition(".")[0] in
        ("cli", "config", "training", "inference", "registry", "plugin", "weights", "errors", "nn")
        or module_of(p) == "data.sampler"]  # fmt: skip
MODALITIES = re.compile(
    r"cyclegan|textgan|dcgan|seqgan|vocabular|captioning|\btokens?\b|sentencepiece|spectrogram"
    r"|waveform|mel_?gan|\bbvh\b|\blstm\b|cartoon|plugins\.(image|text|translation|video|audio|motion)",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", CORE, ids=[module_of(path) for path in CORE])
def test_the_core_names_no_modality(path: Path) -> None:
    """In code; comments and docstrings may give examples."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    code = [line for line in ast.unparse(tree).splitlines() if not re.match(r"\s*'", line)]
    for line in code:
        if "typer." in line or "description=" in line or "Annotated" in line:
            continue  # help texts give examples as well
        assert not MODALITIES.search(line), line.strip()


def light_modules() -> list[str]:
    light = ["multigan", "multigan.cli", "multigan.registry", "multigan.plugin", "multigan.errors"]
    light += [
        f"multigan.{module_of(path)}" for path in FILES if module_of(path).startswith("config")
    ]
    for path in FILES:
        parts = module_of(path).split(".")
        if parts[0] == "plugins" and (
            len(parts) == 2 or parts[-1] in ("recipe", "verb", "verbs", "score")
        ):
            light.append(f"multigan.{'.'.join(parts)}")
    return light


def test_light_modules_import_nothing_heavy() -> None:
    script = (
        "import importlib, sys\n"
        f"for name in {light_modules()!r}:\n"
        "    importlib.import_module(name)\n"
        f"    loaded = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]\n"
        "    assert not loaded, f'{name} imports {loaded}'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_import_multigan_imports_next_to_nothing() -> None:
    script = (
        "import sys, multigan\n"
        "print([m for m in ('torch', 'pydantic', 'typer', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_help_imports_no_torch() -> None:
    script = (
        "import sys\nsys.argv = ['multigan', '--help']\nfrom multigan.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('loaded', [heavy for heavy in {HEAVY!r} if heavy in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "loaded []", done.stdout + done.stderr


def test_nothing_is_unpickled() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"import (pickle|joblib|dill)|yaml\.(unsafe_|full_)?load\(", text), (
            path
        )
        for call in re.findall(r"torch\.load\([^)]*\)", text):
            assert "weights_only=True" in call, f"{path}: {call}"
