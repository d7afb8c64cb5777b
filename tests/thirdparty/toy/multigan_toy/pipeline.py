from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from multigan.inference.pipeline import Pipeline


@dataclass(frozen=True)
class Points:
    texts: list[str]


class ToyPipeline(Pipeline):
    def sample(self, count: int, *, seed: int = 0, **options: Any) -> Points:
        noise = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
        points = self.components["generator"](noise)
        return Points([f"{x:.3f} {y:.3f}" for x, y in points.tolist()])

    def save_samples(self, result: Points, path: Path) -> list[Path]:
        path.write_text("\n".join(result.texts) + "\n", encoding="utf-8")
        return [path]
