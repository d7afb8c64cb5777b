"""Command-line options that a model brings: the keyword arguments of one of its methods."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from multigan.errors import PluginError, suggestion

KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def parse_options(
    method: Callable[..., Any], words: Sequence[str], *, taken: Sequence[str] = ()
) -> dict[str, Any]:
    """Reads ``--top-k 5 --prompt=...`` as keyword arguments of a method, by its annotations.

    Args:
        method: its keyword-only parameters are the options; texts, numbers and truth values count.
        words: of the command line. The name alone makes a truth value true.
        taken: parameters that are no options.

    Raises:
        PluginError: an option that the method does not have, or a value of another kind.
    """
    hints = typing.get_type_hints(method)
    known = {
        name: _kind(hints[name])
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in taken
    }
    known = {name: kind for name, kind in known.items() if kind in KINDS}
    options: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        flag, has_value, value = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or name not in known:
            spelt = [f"--{each.replace('_', '-')}" for each in known]
            hint = suggestion(flag, spelt) if spelt else "; it has no options"
            raise PluginError(f"this kind of model has no {flag}{hint}")
        if not has_value:
            if known[name] is bool and (not left or left[0].startswith("--")):
                value = "true"
            elif not left:
                raise PluginError(f"{flag} needs {KINDS[known[name]]}")
            else:
                value = left.pop(0)
        options[name] = _convert(value, known[name], flag)
    return options


def _kind(hint: Any) -> Any:
    """The type of an annotation, of ``X | None`` the X."""
    if isinstance(hint, types.UnionType):
        inner = [each for each in typing.get_args(hint) if each is not type(None)]
        return inner[0] if len(inner) == 1 else None
    return hint


def _convert(value: str, kind: type, flag: str) -> Any:
    if kind is bool:
        if value.lower() in ("true", "false"):
            return value.lower() == "true"
    else:
        try:
            return kind(value)
        except ValueError:
            pass
    raise PluginError(f"{flag} is {value!r}; it has to be {KINDS[kind]}")
