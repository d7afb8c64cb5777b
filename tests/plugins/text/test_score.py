"""``multigan score text``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from multigan.metrics.bleu import bleu, corpus_bleu, self_bleu
from multigan.metrics.language_model import LanguageModel, count_words

REAL = ["a red dog runs home", "a blue cat runs far away", "the red cat sleeps", "a dog sleeps"]
FAKE = ["a red cat runs home", "a red cat runs home", "the dog sleeps", "a dog sleeps"]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    samples, references = tmp_path / "samples", tmp_path / "references.txt"
    samples.write_text("\n".join(FAKE) + "\n", encoding="utf-8")
    references.write_text("\n".join([*REAL, "", " "]), encoding="utf-8")
    return samples, references


def split(lines: list[str]) -> list[list[str]]:
    return [line.split() for line in lines]


def scores(cli: Any, *words: str | Path) -> dict[str, Any]:
    shown = cli("score", "text", *words, "--json")
    assert shown.code == 0, shown.err
    return json.loads(shown.out)


def test_every_number(cli: Any, files: tuple[Path, Path]) -> None:
    samples, references = files
    found = scores(cli, samples, "--references", references, "--train", references, "--self")
    fake, real = split(FAKE), split(REAL)
    for n in (2, 3, 4, 5):
        assert found[f"bleu-{n}"] == bleu(fake, real, orders=(n,))[n]
        assert found[f"self-bleu-{n}"] == self_bleu(fake, orders=(n,))[n]
    assert found["sacrebleu"] == corpus_bleu(fake, real)
    size = count_words(fake, real)
    assert found["lm"] == LanguageModel(real, vocabulary_size=size).nll(fake)
    assert found["reverse-lm"] == LanguageModel(fake, vocabulary_size=size).nll(real)
    assert found["distinct-1"] == pytest.approx(8 / 16)
    assert found["duplicates"] == pytest.approx(1 / 4)
    assert found["novelty"] == pytest.approx(3 / 4)
    assert found["in-references"] == pytest.approx(1 / 4)
    assert (found["num_samples"], found["num_references"], found["num_train"]) == (4, 4, 4)
    assert found["tokenizer"] == "none"
    assert "method1" in found["protocol"]
    assert found["signature"] == "nrefs:4|case:mixed|eff:no|tok:none|smooth:exp"


def test_counts_stand_beside_the_numbers(cli: Any, files: tuple[Path, Path]) -> None:
    samples, references = files
    shown = cli("score", "text", samples, "--references", references, "--self", "--limit", "3").out
    rows = {line.split()[0]: line for line in shown.splitlines() if line}
    assert "3 samples, 4 references" in rows["bleu-4"]
    assert "each against 2 others" in rows["self-bleu-4"]
    assert "4 references under a model of 3 samples" in rows["reverse-lm"]
    assert "tokenizer none. BLEU is Texygen's" in shown
    assert "smooth:exp" in shown


def test_without_references_only_diversity(cli: Any, files: tuple[Path, Path]) -> None:
    found = scores(cli, files[0])
    numbers = {name for name, value in found.items() if isinstance(value, float)}
    assert numbers == {"distinct-1", "distinct-2", "distinct-3", "distinct-4", "duplicates"}
    assert "self-bleu-2" in scores(cli, files[0], "--self")


def test_tokenizers(cli: Any, tmp_path: Path) -> None:
    samples, references = tmp_path / "samples.txt", tmp_path / "references.jsonl"
    samples.write_text("A dog, here.\r\nThe cat.\r\n", encoding="utf-8-sig")
    references.write_text('{"text": "a dog , here ."}\n{"text": "the cat ."}\n', encoding="utf-8")
    plain = scores(cli, samples, "--references", references)
    split_off = scores(cli, samples, "--references", references, "--tokenizer", "word")
    assert plain["in-references"] == 0
    assert split_off["in-references"] == 1
    assert split_off["tokenizer"] == "word"
    assert "case:lc" in split_off["signature"]


def test_a_model_that_writes_nothing_is_not_forgiven(cli: Any, tmp_path: Path) -> None:
    full, half = tmp_path / "full.txt", tmp_path / "half.txt"
    full.write_text("a red dog runs home\n" * 2, encoding="utf-8")
    half.write_text("a red dog runs home\n\n", encoding="utf-8")
    whole = scores(cli, full, "--references", full)
    found = scores(cli, half, "--references", full, "--self")
    assert (found["num_samples"], found["num_empty"], whole["num_empty"]) == (2, 1, 0)
    assert found["bleu-4"] == pytest.approx(whole["bleu-4"] / 2)
    assert "1 of 2 samples are blank" in cli("score", "text", half).out


def test_mistakes_are_told_in_one_line(cli: Any, tmp_path: Path) -> None:
    def message(content: bytes, *words: str | Path) -> str:
        path = tmp_path / "given.txt"
        path.write_bytes(content)
        failed = cli("score", "text", path, *words)
        assert failed.code == 2
        assert failed.err.startswith("error: ")
        assert len(failed.err.splitlines()) == 1
        return failed.err

    assert "no sentence" in message(b"\n \n")
    assert "no sentence" in message(b"")
    assert "not UTF-8 at byte 2" in message(b"a \xff")
    assert "no such file" in message(b"a\n", "--references", tmp_path / "missing.txt")
    assert "cannot be read" in message(b"a\n", "--references", tmp_path)
    assert "at least two" in message(b"a b\n", "--self")
    assert "tokenizer" in message(b"a\n", "--tokenizer", "wrod")
    assert "limit" in message(b"a\n", "--limit", "0")


def test_scoring_imports_no_torch(files: tuple[Path, Path]) -> None:
    samples, references = files
    script = (
        "import sys\n"
        f"sys.argv = ['multigan', 'score', 'text', {str(samples)!r}, '--references', "
        f"{str(references)!r}, '--self', '--tokenizer', 'word']\n"
        "from multigan.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('loaded', [name for name in ('torch', 'numpy', 'nltk') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded []", done.stdout + done.stderr
