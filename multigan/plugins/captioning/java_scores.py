"""METEOR and SPICE: programs in Java, which pycocoevalcap brings and this project does not."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from multigan.data.files import reason
from multigan.errors import PluginError
from multigan.metrics.caption_diversity import Sentence

SCORERS = {"meteor": "Meteor", "spice": "Spice"}
_SPICE_MODELS = "stanford-corenlp-3.6.0-models.jar"


def check_java(name: str) -> None:
    """Says what is missing before anything is counted.

    Raises:
        PluginError: pycocoevalcap, Java, or the models that SPICE downloads are not here.
    """
    package = importlib.util.find_spec("pycocoevalcap")
    if package is None:
        raise PluginError(
            f"{name} needs pycocoevalcap and Java: pip install pycocoevalcap, or leave it out"
        )
    if shutil.which("java") is None:
        raise PluginError(f"{name} is a Java program: install a Java runtime, or leave it out")
    folders = package.submodule_search_locations or ()
    if name == "spice" and not any(
        Path(folder, "spice", "lib", _SPICE_MODELS).is_file() for folder in folders
    ):
        raise PluginError(
            "spice needs models that pycocoevalcap downloads when told to: python -c 'from "
            "pycocoevalcap.spice.spice import Spice; Spice()', or leave it out"
        )


def java_score(
    name: str, hypotheses: Sequence[Sentence], references: Sequence[Sequence[Sentence]]
) -> float:
    """METEOR 1.5 or SPICE 1.0 of tokenised captions, in [0, 1].

    Args:
        name: of `SCORERS`.
        hypotheses: one for each picture.
        references: at least one for each picture.

    Raises:
        PluginError: something is missing, or the program failed.
    """
    check_java(name)
    made = {number: [_line(each)] for number, each in enumerate(hypotheses)}
    real = {number: [_line(each) for each in own] for number, own in enumerate(references)}
    scorer = None
    try:
        module = importlib.import_module(f"pycocoevalcap.{name}.{name}")
        # What they print would stand between our lines of JSON.
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            scorer = getattr(module, SCORERS[name])()
            value, _ = scorer.compute_score(real, made)
    except (OSError, ValueError, ImportError, subprocess.SubprocessError) as error:
        if scorer is not None and name == "meteor" and scorer.lock.locked():
            scorer.lock.release()  # else it would wait for itself for ever when it is deleted
        raise PluginError(f"{name} did not run ({reason(error)}); leave it out") from error
    return float(value)


def _line(sentence: Sentence) -> str:
    return " ".join(map(str, sentence))
