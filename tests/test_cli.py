"""The command line, and plugins as it sees them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import multigan
from multigan.config.recipe import load_recipe


def test_version_and_help(cli: Any) -> None:
    assert cli("--version").out.strip() == multigan.__version__
    shown = cli("--help")
    assert shown.code == 0
    for verb in ("run", "sample", "report", "list", "schema", "doctor"):
        assert re.search(rf"^ +{verb} ", shown.out, re.MULTILINE)
        assert cli(verb, "--help").code == 0


def test_from_a_recipe_to_samples(cli: Any, toy_recipe: Path, small: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = cli("run", toy_recipe, *small, "-o", run)
    assert done.code == 0
    assert f"done: {run}" in done.err
    assert done.out == ""
    for name in ("recipe.yaml", "provenance.json", "metrics.jsonl", "report.html", "model"):
        assert (run / name).exists()
    assert (run / "samples" / "step-000008.txt").is_file()
    shown = cli("sample", run, "-n", "3", "--seed", "5")
    assert len(shown.out.splitlines()) == 3
    assert cli("sample", run / "model", "-n", "3", "--seed", "5").out == shown.out
    assert cli("sample", run, "-n", "3").out != shown.out
    written = cli("sample", run, "-n", "3", "--seed", "5", "-o", tmp_path / "points.txt")
    assert written.out.strip() == str(tmp_path / "points.txt")
    assert (tmp_path / "points.txt").read_text() == shown.out
    (run / "report.html").unlink()
    assert cli("report", run).out.strip() == str(run / "report.html")


def test_run_folders_are_numbered(
    cli: Any, toy_recipe: Path, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert cli("run", toy_recipe, *small).code == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["toy", "toy-2"]
    assert "resuming runs/toy-2 from step 8" in cli("run", toy_recipe, *small, "--resume").err
    monkeypatch.chdir(tmp_path / "runs" / "toy")
    assert cli("run", ".", "--resume").code == 0
    assert not (tmp_path / "runs" / "toy" / "runs").exists()


def test_dry_run_prints_a_recipe_that_loads(cli: Any, toy_recipe: Path, tmp_path: Path) -> None:
    shown = cli("run", toy_recipe, "optimizers.generator.lr=1e-4", "--dry-run")
    assert shown.code == 0
    (tmp_path / "whole.yaml").write_text(shown.out)
    assert load_recipe(tmp_path / "whole.yaml") == load_recipe(
        toy_recipe, ["optimizers.generator.lr=1e-4"]
    )
    assert "precision: auto" in shown.out
    assert not (tmp_path / "runs").exists()


def test_lists(cli: Any) -> None:
    everything = cli("list").out
    for title in ("recipes", "plugins", "styles", "data", "metrics", "objectives"):
        rows = cli("list", title)
        assert rows.code == 0
        assert f"\n{title}\n" in everything
        for row in rows.out.splitlines():
            # In all tables together a column may be wider; the words are the same.
            assert row.split() in [line.split() for line in everything.splitlines()]
    assert re.search(r"^toy +Points on a ring", cli("list", "plugins").out, re.MULTILINE)
    assert re.search(r"^  toy\.ring +Two small MLPs", cli("list", "plugins").out, re.MULTILINE)
    assert "radius" in cli("list", "metrics").out


def test_schema_is_json(cli: Any) -> None:
    assert json.loads(cli("schema").out)["title"] == "multigan recipe"


def test_doctor(cli: Any) -> None:
    report = cli("doctor")
    assert report.code == 0
    assert re.search(r"^plugin toy +works$", report.out, re.MULTILINE)
    assert re.search(r"^torch +\d", report.out, re.MULTILINE)


MISTAKES: dict[str, tuple[list[str], str]] = {
    "no recipe": (["run", "nothing"], "no recipe 'nothing'"),
    "empty recipe": (["run", ""], "folder without recipe"),
    "missing argument": (["run"], "Missing argument"),
    "unknown verb": (["runn"], "No such command 'runn'"),
    "unknown option": (["run", "toy.yaml", "--outptu", "x"], "--outptu"),
    "bad override": (["run", "toy.yaml", "train.batchsize=1"], "did you mean 'batch_size'"),
    "no override": (["run", "toy.yaml", "train.batch_size"], "section.key=value"),
    "bad device": (["run", "toy.yaml", "train.device=gpu"], "device 'gpu' is not available"),
    "other device": (["run", "toy.yaml", "train.device=xpu"], "device 'xpu' is not available"),
    "output is a file": (["run", "toy.yaml", "-o", "toy.yaml"], "is a file"),
    "output in a file": (["run", "toy.yaml", "-o", "toy.yaml/x"], "cannot write to"),
    "output not writable": (["run", "toy.yaml", "-o", "/proc/x"], "cannot write to"),
    "output not empty": (["run", "toy.yaml", "-o", "."], "is not empty; add --resume"),
    "indivisible": (["run", "toy.yaml", "-o", "r", "train.accumulate=5"], "cannot be cut into 5"),
    "no wandb": (["run", "toy.yaml", "-o", "r", "train.trackers=[wandb]"], "multigan[wandb]"),
    "no model": (["sample", "nothing"], "no model at nothing"),
    "model is a file": (["sample", "toy.yaml"], "is a file"),
    "model is a plugin": (["sample", "toy"], "needs style="),
    "count": (["sample", "x", "-n", "0"], "greater than or equal to 1"),
    "count is a word": (["sample", "x", "-n", "many"], "'--count' / '-n'"),
    "no run": (["report", "nothing"], "is not a run folder"),
    "no such list": (["list", "plugin"], "did you mean 'plugins'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(
    name: str, cli: Any, toy_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "no wandb":
        monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.chdir(tmp_path)
    words, message = MISTAKES[name]
    result = cli(*words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert message in result.err


def test_without_any_word_it_explains_itself(cli: Any) -> None:
    shown = cli()
    assert "Usage:" in shown.out + shown.err
    assert "error" not in shown.err


def test_a_bug_keeps_its_traceback(
    cli: Any, toy_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from multigan.config import recipe

    def broken(*args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(recipe, "load_recipe", broken)
    monkeypatch.setattr(sys, "argv", ["multigan", "run", "toy"])
    with pytest.raises(ZeroDivisionError):
        multigan.cli.main()


def test_python_m_multigan_and_a_closed_pipe() -> None:
    command = f"{sys.executable} -m multigan list | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )
    assert done.returncode == 0
    assert done.stderr == ""


# Plugins


def package(site: Path, name: str, text: str, distribution: Any) -> None:
    (site / name).mkdir(parents=True)
    (site / name / "__init__.py").write_text(text)
    distribution(site, name.replace("_", "-"), f"{name} = {name}:PLUGIN")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("raise ValueError('half finished')", "ValueError: half finished"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def (", "SyntaxError"),
        ("import no_such_library", "No module named 'no_such_library'"),
        ("PLUGIN = 5", "expected a multigan.plugin.Plugin, found int"),
        ("pass", "AttributeError"),
        ("from multigan_toy import PLUGIN", "a plugin named 'toy' exists already"),
    ],
)
def test_a_broken_plugin_is_named_and_hurts_nobody(
    text: str, problem: str, cli: Any, tmp_path: Path, distribution: Any, importable: Any
) -> None:
    name = "z_broken"  # after the toy
    sys.modules.pop(name, None)
    package(tmp_path, name, text, distribution)
    with importable(tmp_path):
        for verb in (["list", "plugins"], ["doctor"]):
            shown = cli(*verb)
            assert shown.code == 0
            (line,) = [line for line in shown.out.splitlines() if "BROKEN" in line]
            assert name in line or "exists already" in problem  # either of two may come first
            assert problem in line
            assert re.search(r"toy +(Points|works)", shown.out)
        asked = cli("sample", "x", "--help")
        assert asked.code == 0
    sys.modules.pop(name, None)


@pytest.mark.parametrize("verbs", ["z_verbs.missing:app", "z_verbs:nothing", "z_verbs.bad:app"])
def test_broken_verbs_hurt_nobody(
    verbs: str, cli: Any, tmp_path: Path, distribution: Any, importable: Any
) -> None:
    text = (
        "from multigan.plugin import Plugin\n"
        "PLUGIN = Plugin(name='zz', summary='s', methods={}, networks='json',"
        f" pipeline='json:loads', verbs={verbs!r})\n"
    )
    for loaded in [name for name in sys.modules if name.startswith("z_verbs")]:
        del sys.modules[loaded]
    package(tmp_path, "z_verbs", text, distribution)
    (tmp_path / "z_verbs" / "bad.py").write_text("raise RuntimeError('no')\n")
    with importable(tmp_path):
        assert (cli("--version").code, cli("list", "--help").err) == (0, "")
        shown = cli("doctor")
        assert re.search(r"plugin zz +BROKEN", shown.out)
        assert shown.err.startswith("warning: without the commands of plugin 'zz': ")
        assert shown.err.count("\n") == 1 and shown.code == 0


def test_verbs_of_a_plugin_are_mounted(
    cli: Any, tmp_path: Path, distribution: Any, importable: Any
) -> None:
    text = (
        "import typer\nfrom multigan.plugin import Plugin\n"
        "from multigan.errors import DataError\napp = typer.Typer()\n"
        "@app.command()\ndef zing(word: str) -> None:\n    'Sing.'\n"
        "    if word == 'bad':\n        raise DataError('cannot sing that')\n    print(word * 2)\n"
        "PLUGIN = Plugin(name='zing', summary='s', methods={}, networks='json',"
        " pipeline='json:loads', verbs='z_sing:app')\n"
    )
    package(tmp_path, "z_sing", text, distribution)
    from multigan.cli import app

    before = list(app.registered_commands)
    try:
        with importable(tmp_path):
            assert cli("zing", "la").out == "lala\n"
            failed = cli("zing", "bad")
            assert (failed.code, failed.err) == (2, "error: cannot sing that\n")
    finally:
        app.registered_commands[:] = before


def test_a_broken_plugin_that_is_asked_for_says_why(
    cli: Any, tmp_path: Path, distribution: Any, importable: Any
) -> None:
    sys.modules.pop("z_why", None)
    package(tmp_path, "z_why", "raise ValueError('half finished')", distribution)
    (tmp_path / "r.yaml").write_text("plugin: z_why\n")
    with importable(tmp_path):
        asked = cli("run", tmp_path / "r.yaml")
        assert asked.code == 2
        assert "half finished" in asked.err
        (tmp_path / "r.yaml").write_text("plugin: z\n")
        assert "unknown plugin 'z'" in cli("run", tmp_path / "r.yaml").err


def test_the_third_party_plugin_in_a_fresh_process(
    installed_toy: Path, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    """As someone would who has installed both."""
    words = ["run", str(toy_recipe), *small, "-o", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "multigan", *words], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model" / "multigan.json").is_file()


def test_plugins_verbs_are_mounted_once_however_often_a_process_asks(cli: Any) -> None:
    from multigan.cli import app

    cli("--version")
    before = len(app.registered_commands)
    cli("--version")
    assert len(app.registered_commands) == before
