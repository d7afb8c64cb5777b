"""One fake for two players: the graph of a network that is frozen for the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def graph_of(*networks: nn.Module, wanted: bool = True) -> Iterator[None]:
    """Records what networks do while others are trained, or expressly does not.

    In a discriminator's phase the trainer has frozen the generator. Its parameters must ask for
    gradients while it runs, if its own phase is to go back through the same fakes afterwards
    instead of making new ones.

    Args:
        networks: frozen ones; they are frozen again afterwards.
        wanted: False records nothing.
    """
    if not wanted:
        with torch.no_grad():
            yield
        return
    for network in networks:
        network.requires_grad_(True)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(False)
