"""The Hugging Face hub, asked with little patience and without noise on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 5.0  # seconds until the hub counts as out of reach


def reach_model(source: str) -> None:
    """Asks the hub about a model, and gives up soon; transformers would try for half a minute.

    Args:
        source: a hub id, or what was meant as a folder.

    Raises:
        OSError: it does not exist or cannot be reached.
    """
    from huggingface_hub import HfApi

    if Path(source).exists():
        raise OSError(f"no model in {source}")
    try:
        HfApi().model_info(source, timeout=PATIENCE)
    except Exception as error:  # what the hub's client raises has no common base
        raise OSError(str(error)) from error


@contextmanager
def silence(transformers: Any) -> Iterator[None]:
    """Keeps loading reports and bars off the screen: what is wrong is told in one line."""
    log = transformers.utils.logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
