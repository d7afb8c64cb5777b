"""The base of every trained network: a module that remembers how it was built."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from torch import nn


class Network(nn.Module):
    """A module whose constructor arguments are kept in ``config``.

    A saved model stores them as JSON beside the weights, so every argument must be JSON-able.
    """

    config: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" not in cls.__dict__:
            return
        original = cls.__init__
        signature = inspect.signature(original)

        @functools.wraps(original)
        def init(self: Network, *args: Any, **given: Any) -> None:
            bound = signature.bind(self, *args, **given)
            bound.apply_defaults()
            original(self, *args, **given)
            if type(self).__init__ is init:  # the outermost constructor is the one to repeat
                arguments = dict(bound.arguments)
                arguments.pop("self", None)
                self.config = arguments

        cls.__init__ = init  # type: ignore[method-assign, assignment]
