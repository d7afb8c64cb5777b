from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from multigan.errors import CheckpointError
from multigan.inference.pretrained import load_model, save_model
from multigan.plugins.captioning.networks.pretrained import PretrainedEncoder

transformers = pytest.importorskip("transformers")

SMALL = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "image_size": 16, "patch_size": 8,
}  # fmt: skip


def saved(model: Any, folder: Path, **processor: Any) -> Any:
    torch.manual_seed(0)
    model = model.eval()
    model.save_pretrained(folder)
    if processor:
        transformers.ViTImageProcessor(**processor).save_pretrained(folder)
    return model


def test_a_vision_transformer_from_a_folder(tmp_path: Path) -> None:
    plain = saved(
        transformers.ViTModel(transformers.ViTConfig(**SMALL)),
        tmp_path / "vit",
        image_mean=[0.1, 0.2, 0.3],
        image_std=[0.5, 0.5, 0.25],
    )
    encoder = PretrainedEncoder.load(str(tmp_path / "vit"), size=16).eval()
    assert (encoder.cells, encoder.features) == (5, 16)  # four patches and the class token
    x = torch.rand(2, 3, 16, 16)
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.5, 0.25])
    pixels = (x - mean[:, None, None]) / std[:, None, None]
    expected = plain(pixel_values=pixels).last_hidden_state
    torch.testing.assert_close(encoder(2 * x - 1), expected, atol=1e-5, rtol=1e-5)
    larger = PretrainedEncoder.load(str(tmp_path / "vit"), size=32).eval()
    assert larger(torch.rand(1, 3, 32, 32)).shape == (1, 5, 16)  # scaled to what the model wants


def test_a_saved_model_needs_no_hub(tmp_path: Path) -> None:
    saved(transformers.ViTModel(transformers.ViTConfig(**SMALL)), tmp_path / "vit")
    encoder = PretrainedEncoder.load(str(tmp_path / "vit"), size=16).eval()
    save_model(
        tmp_path / "model", {}, {"encoder": encoder}, plugin="captioning", method="captiongan",
        card="# x\n",
    )  # fmt: skip
    (tmp_path / "vit").rename(tmp_path / "elsewhere")
    _, networks, _ = load_model(tmp_path / "model")
    x = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(networks["encoder"](x), encoder(x))


def test_a_convolutional_network_and_half_of_clip(tmp_path: Path) -> None:
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"
    )
    saved(transformers.ResNetModel(config), tmp_path / "resnet")
    encoder = PretrainedEncoder.load(str(tmp_path / "resnet"), size=32).eval()
    assert encoder(torch.rand(1, 3, 32, 32)).shape == (1, encoder.cells, 16)
    text = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "vocab_size": 30}  # fmt: skip
    clip = transformers.CLIPConfig(text_config=text, vision_config=SMALL, projection_dim=8)
    model = saved(transformers.CLIPModel(clip), tmp_path / "clip")
    encoder = PretrainedEncoder.load(str(tmp_path / "clip"), size=16).eval()
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    pixels = ((x + 1) / 2 - encoder.mean_C11) / encoder.std_C11
    expected = model.vision_model(pixel_values=pixels).last_hidden_state
    torch.testing.assert_close(encoder(x), expected, atol=1e-5, rtol=1e-5)


def test_what_cannot_be_had_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def model_info(self, *args: Any, **kwargs: Any) -> None:
            raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.HfApi", Away)
    for source in ("nobody/nothing-of-this-name", str(tmp_path)):
        with pytest.raises(CheckpointError, match="name a folder, or model") as caught:
            PretrainedEncoder.load(source, size=16)
        assert "\n" not in str(caught.value)
    saved(transformers.BertModel(transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8)), tmp_path / "bert")  # fmt: skip
    with pytest.raises(CheckpointError, match="does not turn pictures into features"):
        PretrainedEncoder.load(str(tmp_path / "bert"), size=16)
