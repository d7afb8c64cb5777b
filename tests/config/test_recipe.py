"""Recipes: what is read, and that every mistake is one line that says where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from multigan import registry
from multigan.config.recipe import Recipe, load_recipe
from multigan.config.sections import Section
from multigan.errors import MultiganError, PluginError, RecipeError

pytestmark = pytest.mark.usefixtures("installed_toy")


def load(folder: Path, text: str | bytes, *overrides: str) -> Recipe:
    path = folder / "toy.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_recipe(path, overrides)


def refused(folder: Path, text: str | bytes, *overrides: str) -> str:
    with pytest.raises(MultiganError) as error:
        load(folder, text, *overrides)
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


TRAIN = "plugin: toy\nseed: 3\ntrain:\n  batch_size: 8\n"


def test_unknown_key_has_line_and_suggestion(tmp_path: Path) -> None:
    message = refused(tmp_path, "plugin: toy\nseed: 3\ntrain:\n  batchsize: 8\n")
    assert message == "toy.yaml:4: unknown key 'train.batchsize'; did you mean 'batch_size'?"


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("plugin: toy\nsed: 1\n", r"^toy\.yaml:2: unknown key 'sed'; did you mean 'seed'\?"),
        ("plugin: toy\ntrain:\n  batch_size: many\n", r"^toy\.yaml:3: .*batch_size' is 'many'"),
        ("plugin: toy\ntrain:\n  batch_size: 0\n", r"^toy\.yaml:3: .*batch_size' is 0: .*great"),
        ("plugin: toy\ntrain: 5\n", r"^toy\.yaml:2: 'train' is 5"),
        ("plugin: toy\ntrain:\n", r"^toy\.yaml:2: 'train' is None"),
        ("plugin: toy\ntrain:\n  precision: fp8\n", r"^toy\.yaml:3: .*'fp8'.*'fp16'"),
        ("plugin: toy\nema:\n  decay: .nan\n", r"^toy\.yaml:3: 'ema\.decay' is nan"),
        (
            "plugin: toy\noptimizers:\n  generator: {lr: .inf}\n",
            r"^toy\.yaml:3: 'optimizers\.generator\.lr' is inf",
        ),
        ("seed: 1\n", r"^toy\.yaml:1: 'plugin' is missing; choose one of: .*toy"),
        ("plugin: tooy\n", r"^toy\.yaml:1: unknown plugin 'tooy'; did you mean 'toy'\?"),
        (
            "plugin: toy\nmethod: rings\n",
            r"^toy\.yaml:2: plugin 'toy' has no method 'rings'; did you mean 'ring'\?",
        ),
        ("plugin: toy\nseed: 1\nseed: 2\n", r"^toy\.yaml:3: 'seed' stands twice"),
        ("plugin: toy\ntrain: {threads: 1,\n threads: 2}\n", r"^toy\.yaml:3: .*threads' .*twice"),
        ("- plugin: toy\n", r"^toy\.yaml:1: a recipe is a mapping"),
        ("toy\n", r"^toy\.yaml:1: a recipe is a mapping"),
        ("", r"^toy\.yaml:1: a recipe is a mapping"),
        ("# nothing\n", r"^toy\.yaml:1: a recipe is a mapping"),
        ("plugin: [toy\n", r"^toy\.yaml:2: "),
        ("plugin: toy\n\tseed: 1\n", r"^toy\.yaml:2: "),
        ("plugin: toy\n? [a, b]\n: 1\n", r"^toy\.yaml:2: a key must be a plain word"),
        ("plugin: toy\n1: 2\n", r"^toy\.yaml:2: unknown key '1'"),
        ("plugin: toy\nseed: 2024-13-45\n", r"^toy\.yaml: a value cannot be read"),
        ("plugin: toy\nseed: 2024-12-24\n", r"^toy\.yaml: "),
        ("plugin: toy\nseed: !!bool perhaps\n", r"^toy\.yaml: a value cannot be read"),
        ("plugin: toy\nseed: !!timestamp soon\n", r"^toy\.yaml: a value cannot be read"),
        (f"plugin: toy\nseed: {'9' * 5000}\n", r"^toy\.yaml: a value cannot be read"),
        (f"plugin: toy\nseed: {'9' * 50}\n", r"^toy\.yaml:2: 'seed' is "),
        (f"plugin: toy\nseed: {'[' * 5000}\n", r"^toy\.yaml"),
        (f"plugin: toy\nseed: {'long ' * 5000}\n", r"^toy\.yaml:2: 'seed' is "),
        ("plugin: toy\nseed: &x [*x]\n", r"^toy\.yaml"),
        ("plugin: toy\n---\nplugin: toy\n", r"^toy\.yaml:2: "),
        ("plugin: toy\nseed: *nowhere\n", r"^toy\.yaml:2: .*nowhere"),
        (b"plugin: toy\nname: \xff\xfe\n", r"not a text file in UTF-8"),
        (b"plugin: toy\x00\x01\n", r"^toy\.yaml: not YAML"),
        (bytes(range(256)), r"not a text file in UTF-8"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, r"not a text file in UTF-8"),
        (b"# " + b"x" * 1_000_001, r"larger than a recipe can be"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, text: str | bytes, pattern: str) -> None:
    assert re.search(pattern, refused(tmp_path, text))


@pytest.mark.parametrize(
    "attack",
    [
        "!!python/object/apply:os.system ['touch {mark}']",
        "!!python/object/new:os.system ['touch {mark}']",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/object/apply:subprocess.check_output [[touch, '{mark}']]",
    ],
)
@pytest.mark.parametrize("override", [False, True])
def test_yaml_cannot_run_code(tmp_path: Path, attack: str, override: bool) -> None:
    mark = tmp_path / "ran"
    attack = attack.format(mark=mark)
    if override:
        refused(tmp_path, TRAIN, f"seed={attack}")
    else:
        assert "toy.yaml:2" in refused(tmp_path, f"plugin: toy\nseed: {attack}\n")
    assert not mark.exists()


def test_alias_bomb(tmp_path: Path) -> None:
    lines = ["plugin: toy", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "expands to more than" in refused(tmp_path, "\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:HOME}",
        "${oc.env:HOME,x}",
        "${oc.decode:1}",
        "x ${oc.env:HOME} y",
        "${ oc.env : HOME }",
        "${${ema}:HOME}",
        "${oc.${seed}:HOME}",
        "${${oc.env:HOME}}",
        "\\${oc.env:HOME}",
    ],
)
def test_resolvers_are_refused(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "secret-of-the-user")
    for message in (
        refused(tmp_path, f"plugin: toy\nseed: '{text}'\nema: oc.env\n"),
        refused(tmp_path, f"plugin: toy\n'{text}': 1\n"),
        refused(tmp_path, "plugin: toy\n", f"seed={text}"),
    ):
        assert "secret" not in message
        assert "resolvers are refused" in message or "not YAML" in message


def test_interpolation(tmp_path: Path) -> None:
    recipe = load(tmp_path, TRAIN + "points: ${train.batch_size}\n")
    assert recipe.points == 8  # type: ignore[attr-defined]
    recipe = load(tmp_path, TRAIN + "points: ${train.batch_size}\n", "train.batch_size=32")
    assert recipe.points == 32  # type: ignore[attr-defined]
    assert load(tmp_path, TRAIN, "points=${seed}").points == 3  # type: ignore[attr-defined]
    assert "nowhere" in refused(tmp_path, "plugin: toy\nseed: ${nowhere}\n")
    assert refused(tmp_path, "plugin: toy\nseed: ${points}\npoints: ${seed}\n")


@pytest.mark.parametrize("number", ["1e-4", "1E-4", "1.e-4", "1.0e-4", "0.0001", "+1e-4"])
def test_numbers_as_people_write_them(tmp_path: Path, number: str) -> None:
    for recipe in (
        load(tmp_path, f"plugin: toy\noptimizers: {{generator: {{lr: {number}}}}}\n"),
        load(tmp_path, "plugin: toy\n", f"optimizers.generator.lr={number}"),
    ):
        lr = recipe.optimizers.generator.lr  # type: ignore[attr-defined]
        assert isinstance(lr, float)
        assert lr == 1e-4


def test_overrides(tmp_path: Path) -> None:
    recipe = load(
        tmp_path, TRAIN, "train.batch_size=32", "train.device=cuda:1", "model.batchnorm=true",
        "train.trackers=[]", "optimizers.generator.betas=[0, 0.9]",
    )  # fmt: skip
    assert recipe.train.batch_size == 32
    assert recipe.train.device == "cuda:1"
    assert recipe.model.batchnorm is True  # type: ignore[attr-defined]
    assert recipe.train.trackers == ()
    assert recipe.optimizers.generator.betas == (0.0, 0.9)  # type: ignore[attr-defined]
    assert recipe.seed == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "train.batchsize=3",
            "override 'train.batchsize=3': unknown key 'train.batchsize'; did you",
        ),
        ("train.batch_size=x", "override 'train.batch_size=x': 'train.batch_size' is 'x'"),
        ("train.batch_size", "is not of the form section.key=value"),
        ("=3", "is not of the form section.key=value"),
        ("train..batch_size=3", "is not of the form section.key=value"),
        ("--train=3", "is not of the form section.key=value"),
        ("seed.deeper=3", "'seed' is a value, not a section"),
        ("seed=[1", "the value is not YAML"),
        ("seed=2024-13-45", "the value is not YAML"),
        ("seed=" + "[" * 5000, "the value is not YAML"),
        ("seed=", "'seed' is ''"),
    ],
)
def test_bad_overrides(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError) as error:
        load(tmp_path, TRAIN, override)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_override_does_not_reach_through_an_alias(tmp_path: Path) -> None:
    text = "plugin: toy\noptimizers:\n  generator: &same {lr: 0.1}\n  discriminator: *same\n"
    recipe = load(tmp_path, text, "optimizers.generator.lr=0.5")
    assert recipe.optimizers.generator.lr == 0.5  # type: ignore[attr-defined]
    assert recipe.optimizers.discriminator.lr == 0.1  # type: ignore[attr-defined]


def test_names_that_resolve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(tmp_path, "plugin: toy\nseed: 5\n")
    shipped = tmp_path / "shipped" / "recipes"
    shipped.mkdir(parents=True)
    (shipped / "ring.yaml").write_text("# One.\nplugin: toy\nseed: 6\n")
    run = tmp_path / "runs" / "x"
    run.mkdir(parents=True)
    (run / "recipe.yaml").write_text("plugin: toy\nseed: 7\n")
    monkeypatch.setattr(registry, "_shipped", lambda kind: tmp_path / "shipped" / kind)
    monkeypatch.chdir(tmp_path)
    expected = {"toy.yaml": 5, "ring": 6, "ring.yaml": 6, "recipes/ring.yaml": 6, "runs/x": 7}
    assert {name: load_recipe(name).seed for name in expected} == expected
    with pytest.raises(RecipeError, match="no recipe 'rings'; did you mean 'ring'"):
        load_recipe("rings")
    with pytest.raises(RecipeError, match="folder without recipe"):
        load_recipe("runs")
    for name in ("", "x" * 300, "a/b", "\0", "~nobody-has-this-name/x"):
        with pytest.raises(RecipeError):
            load_recipe(name)


def test_what_is_written_is_what_was_read(tmp_path: Path) -> None:
    recipe = load(tmp_path, TRAIN, "optimizers.generator.lr=1e-4")
    assert load(tmp_path, recipe.to_yaml()) == recipe


def test_a_recipe_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path, TRAIN).train.batch_size = 3


def test_method_without_plugin_errors() -> None:
    with pytest.raises(PluginError):
        registry.plugin("")


def test_changing_one_value_of_a_section_keeps_its_other_defaults() -> None:
    class Inner(Section):
        a: int = 1
        b: int = 2

    class Outer(Section):
        inner: Inner = Inner(a=10, b=20)
        c: int = 3

    class Whole(Section):
        outer: Outer = Outer(inner=Inner(a=100), c=300)
        plain: Inner = Inner()

    whole = Whole.model_validate({"outer": {"inner": {"b": 5}}, "plain": {"a": 7}})
    assert (whole.outer.inner.a, whole.outer.inner.b, whole.outer.c) == (100, 5, 300)
    assert (whole.plain.a, whole.plain.b) == (7, 2)
    assert Outer.model_validate({"inner": {"a": 0}}).inner == Inner(a=0, b=20)
    # What is written out and read again is the same.
    assert Whole.model_validate(whole.model_dump()) == whole
    with pytest.raises(ValueError, match="extra"):
        Whole.model_validate({"outer": {"inner": {"x": 5}}})


def test_one_override_of_an_optimizer_keeps_the_recipe_s_own_defaults() -> None:
    recipe: Any = load_recipe("textgan", ["optimizers.pretraining.lr=0.125"])
    untouched: Any = load_recipe("textgan")
    changed = untouched.optimizers.pretraining.model_copy(update={"lr": 0.125})
    assert recipe.optimizers.pretraining == changed
