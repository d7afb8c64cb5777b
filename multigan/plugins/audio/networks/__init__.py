"""The networks of the audio plugin by the names that saved models give them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

NETWORKS: Mapping[str, type[nn.Module]] = {}
