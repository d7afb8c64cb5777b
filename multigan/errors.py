"""What a user can do wrong, each with one line that says what to do about it.

The command line prints the message of these errors and exits with code 2; every other exception is
a bug in multigan and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MultiganError(Exception):
    """Base of everything a user can mend; the message is one clear line."""


class RecipeError(MultiganError):
    """A recipe or an override that cannot be understood."""


class DataError(MultiganError):
    """A file, folder or data set that is missing, empty or unreadable."""


class CheckpointError(MultiganError):
    """A checkpoint or saved model that is missing, damaged or of another kind."""


class PluginError(MultiganError):
    """A plugin that is unknown, broken or asked for what it does not offer."""


class ExportError(MultiganError):
    """A model that cannot be written in a format of other programs."""


class DivergenceError(MultiganError):
    """A training run whose losses or gradients stopped being finite numbers."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Returns ``"; did you mean 'x'?"``, or the known names where none is close."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; choose one of: {', '.join(names)}" if names else ""
