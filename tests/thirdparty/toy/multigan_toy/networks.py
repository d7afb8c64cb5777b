from __future__ import annotations

from torch import Tensor, nn

from multigan.nn.network import Network


class MLP(Network):
    def __init__(self, inputs: int, hidden: int, outputs: int, *, batchnorm: bool = False) -> None:
        super().__init__()
        norm = nn.BatchNorm1d(hidden) if batchnorm else nn.Identity()
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), norm, nn.Tanh(), nn.Linear(hidden, outputs)
        )

    def forward(self, x_BC: Tensor) -> Tensor:
        return self.layers(x_BC)


NETWORKS = {"mlp": MLP}
