"""Every network that a saved model of this plugin may hold, by name."""

from __future__ import annotations

from multigan.plugins.translation import networks
from multigan.plugins.translation.restoration import networks as restoration

NETWORKS = {**networks.NETWORKS, **restoration.NETWORKS}
