"""Trained models inside other pipelines, as transforms of torchvision.

augment = v2.Compose([Translate("cartoon", p=0.3), v2.RandomCrop(224), v2.ToDtype(...)])
dataset.map(lambda row: {"image": Translate("cartoon")(row["image"])})
gradio.Interface(Translate("cartoon"), gradio.Image(type="pil"), gradio.Image())
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from multigan.data.media import Picture
from multigan.errors import DataError, PluginError
from multigan.inference.pipeline import pipeline
from multigan.inference.pretrained import find_model

CHANNELS = (1, 3, 4)


class Translate(v2.Transform):  # type: ignore[misc] # torchvision has no types
    """Draws pictures in another style and leaves everything else of a sample as it is.

    Pictures keep their size, type and channels; boxes, masks, labels and numbers pass through,
    since nothing moves. Taken are PIL images (palettes and CMYK become RGB), tensors (..., C, H, W)
    of integers or of floats in [0, 1], and torchvision's images and videos, each frame by itself.
    As in all transforms of torchvision, a plain tensor counts as a picture only where the sample
    has no image of another type, and then only the first one.

    The model is loaded when the first picture comes, in every worker of a data loader for itself.

    Args:
        model: A style that comes with multigan, a run, a model folder or a hub id.
        p: How often pictures are translated; drawn from torch's global seed, once a sample.
        direction: For models that know several, such as ``"ba"``.
        side: Shorter side at which larger pictures are drawn; None is what the model is made for.
        device: Where the model computes; the CPU by default.

    Raises:
        CheckpointError: There is no such model.
        PluginError: A model that translates no pictures, when the first one comes.
        DataError: A tensor that is no picture.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        p: float = 1.0,
        direction: str | None = None,
        side: int | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p={p}: a probability lies between 0 and 1")
        self.model, self.p = str(find_model(model)), p
        self.direction, self.side, self.device = direction, side, device
        self._pipe: Any = None

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Whether this sample is translated."""
        return {"translate": bool(torch.rand(()) < self.p)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One part of a sample; called by torchvision."""
        if not params["translate"]:
            return inpt
        if isinstance(inpt, Image.Image):
            return self._image(inpt)
        if isinstance(inpt, tv_tensors.TVTensor):
            if not isinstance(inpt, tv_tensors.Image | tv_tensors.Video):
                return inpt
            return tv_tensors.wrap(self._tensor(inpt.as_subclass(Tensor)), like=inpt)
        return self._tensor(inpt)

    def __getstate__(self) -> dict[str, Any]:
        """Without the network: workers load their own, and `datasets` hashes what is left."""
        return {**self.__dict__, "_pipe": None}

    def _image(self, image: Image.Image) -> Image.Image:
        loaded = self._loaded()
        drawn: Image.Image = loaded(image, direction=self.direction, side=self.side).images[0]
        return drawn.convert(image.mode) if image.mode in ("L", "LA") else drawn

    def _tensor(self, x: Tensor) -> Tensor:
        if x.dim() < 3 or x.shape[-3] not in CHANNELS:
            shape = tuple(x.shape)
            raise DataError(f"a picture is a tensor (..., 1, 3 or 4, H, W); this one is {shape}")
        if x.is_floating_point():
            x = x.clamp(0, 1)
        bytes_NCHW = F.to_dtype(x, torch.uint8, scale=True).cpu().reshape(-1, *x.shape[-3:])
        drawn_NCHW = bytes_NCHW.clone()
        for before_CHW, after_CHW in zip(bytes_NCHW, drawn_NCHW, strict=True):
            colours_3HW = before_CHW[:3].expand(3, -1, -1)
            array = colours_3HW.permute(1, 2, 0).contiguous().numpy()
            picture = Picture(rgb=array)
            made = self._loaded().translate(picture, direction=self.direction, side=self.side)
            rgb_3HW = torch.from_numpy(made.rgb).permute(2, 0, 1)
            grey = len(after_CHW) == 1
            after_CHW[:3] = F.rgb_to_grayscale(rgb_3HW) if grey else rgb_3HW
        drawn = drawn_NCHW.reshape(x.shape).to(x.device)
        return F.to_dtype(drawn, x.dtype, scale=True)

    def _loaded(self) -> Any:
        """The pipeline, from the first picture on."""
        if self._pipe is None:
            # Networks are drawn before they are filled; later draws must not depend on it.
            with torch.random.fork_rng(devices=[]):
                pipe = pipeline(self.model, device=self.device)
            if not hasattr(pipe, "translate"):
                raise PluginError(f"{self.model} is a model of another kind; it draws no pictures")
            self._pipe = pipe
        return self._pipe
