"""Translate, as other people's pipelines use it."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

import multigan
from multigan.errors import CheckpointError, DataError, PluginError
from multigan.inference.pretrained import save_model
from multigan.plugins.translation.networks import CompactGenerator
from multigan.transforms import Translate


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    generator = CompactGenerator(width=8, blocks=1)
    facts = {"multiple": 4, "minimum": 16, "halo": 24, "directions": {"ab": "generator"}}
    folder = tmp_path_factory.mktemp("models") / "ink"
    networks = {"generator": generator}
    save_model(folder, facts, networks, plugin="translation", method="cartoon", card="# ink")
    return folder


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def drawn(model: Path, photo: np.ndarray) -> np.ndarray:
    """What the pipeline makes of the photo."""
    result = np.asarray(multigan.pipeline(model)(photo).images[0])  # type: ignore[operator]
    assert np.abs(result.astype(int) - photo).max() > 20
    return result


def test_every_kind_of_picture_becomes_what_the_pipeline_makes(
    model: Path, photo: np.ndarray, drawn: np.ndarray
) -> None:
    translate = Translate(model)
    image = translate(Image.fromarray(photo))
    assert np.array_equal(np.asarray(image), drawn)
    x, expected = (torch.from_numpy(a.copy()).permute(2, 0, 1) for a in (photo, drawn))
    assert torch.equal(translate(x), expected)
    found = translate(x.float() / 255)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected / 255, atol=1e-6)
    assert translate(x.double() / 255).dtype == torch.float64
    batch = translate(torch.stack([x, x]))
    assert torch.equal(batch, torch.stack([expected, expected]))
    video = translate(tv_tensors.Video(torch.stack([x, x])))
    assert isinstance(video, tv_tensors.Video) and torch.equal(video[1], expected)


def test_grey_and_alpha_stay(model: Path, photo: np.ndarray) -> None:
    translate = Translate(model)
    for mode in ("L", "LA", "RGBA"):
        before = Image.fromarray(photo).convert(mode)
        after = translate(before)
        assert (after.mode, after.size) == (mode, before.size)
    grey = torch.from_numpy(photo).permute(2, 0, 1)[:1]
    assert translate(grey).shape == grey.shape and not torch.equal(translate(grey), grey)
    rgba = torch.cat([grey, grey, grey, grey])
    assert torch.equal(translate(rgba)[3], grey[0])


def test_boxes_masks_and_labels_pass(model: Path, photo: np.ndarray) -> None:
    x = torch.from_numpy(photo).permute(2, 0, 1)
    box: Any = tv_tensors.BoundingBoxes([[1, 2, 9, 9]], format="XYXY", canvas_size=(20, 30))
    sample = {
        "image": tv_tensors.Image(x),
        "boxes": box,
        "masks": tv_tensors.Mask(torch.ones(1, 20, 30, dtype=torch.uint8)),
        "label": torch.tensor(3),
        "name": "x",
        "depth": torch.rand(1, 20, 30),
    }
    found = v2.Compose([Translate(model), v2.RandomHorizontalFlip(p=1.0)])(sample)
    assert isinstance(found["image"], tv_tensors.Image)
    assert not torch.equal(found["image"].flip(-1), x)
    assert found["boxes"].tolist() == [[21, 2, 29, 9]]
    assert torch.equal(found["masks"], sample["masks"])
    assert found["label"] is sample["label"] and found["name"] == "x"
    assert torch.equal(found["depth"], sample["depth"])


def test_p_and_the_seed(model: Path) -> None:
    translate, x = Translate(model, p=0.3), torch.zeros(3, 16, 16, dtype=torch.uint8)

    def choices() -> list[bool]:
        torch.manual_seed(0)
        return [not torch.equal(translate(x), x) for _ in range(200)]

    first = choices()
    assert 40 < sum(first) < 80
    assert choices() == first
    assert Translate(model, p=0.0)(x) is x
    with pytest.raises(ValueError, match="probability"):
        Translate(model, p=1.5)


class Photos(Dataset[torch.Tensor]):
    def __init__(self, transform: Translate) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> torch.Tensor:
        x = torch.full((3, 16, 16), 20 * index, dtype=torch.uint8)
        return self.transform(x)


def test_in_workers_of_a_data_loader(model: Path) -> None:
    """Forked after the network was loaded and used, as happens in practice."""
    translate = Translate(model, p=0.5)
    translate(torch.zeros(3, 16, 16))

    def epoch() -> torch.Tensor:
        torch.manual_seed(5)
        return torch.cat(list(DataLoader(Photos(translate), batch_size=4, num_workers=2)))

    first = epoch()
    assert first.shape == (12, 3, 16, 16)
    assert torch.equal(epoch(), first)
    plain = torch.stack([Photos(Translate(model, p=0.0))[i] for i in range(12)])
    changed = (first != plain).flatten(1).any(1)
    assert 0 < changed.sum() < 12


def test_pickled_without_the_network(model: Path, photo: np.ndarray, drawn: np.ndarray) -> None:
    translate, image = Translate(model), Image.fromarray(photo)
    fresh = pickle.dumps(translate)
    translate(image)
    assert pickle.dumps(translate) == fresh and len(fresh) < 2000
    # A copy is rebuilt from the same state as a pickle is.
    assert np.array_equal(np.asarray(copy.deepcopy(translate)(image)), drawn)


def test_map_of_datasets(model: Path, photo: np.ndarray, drawn: np.ndarray, tmp_path: Path) -> None:
    import datasets
    from datasets.fingerprint import Hasher

    translate = Translate(model)
    rows = datasets.Dataset.from_dict(
        {"image": [Image.fromarray(photo)]}, features=datasets.Features(image=datasets.Image())
    )
    hashed = Hasher.hash(translate)
    made = rows.map(
        lambda row: {"image": translate(row["image"])}, cache_file_name=str(tmp_path / "x.arrow")
    )
    assert np.array_equal(np.asarray(made[0]["image"]), drawn)
    assert Hasher.hash(translate) == hashed  # so that a second map finds its cache


def test_mistakes(model: Path) -> None:
    with pytest.raises(CheckpointError, match="did you mean 'cartoon'"):
        Translate("cartoo")
    with pytest.raises(PluginError, match="draws no pictures"):
        Translate("digits")(torch.zeros(3, 16, 16))
    with pytest.raises(DataError, match="this one is"):
        Translate(model)(torch.zeros(16, 16))
    assert multigan.transforms.Translate is Translate
