import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from multigan.data.media import read_image
from multigan.data.pixels import over_white
from multigan.errors import CheckpointError, PluginError
from multigan.plugins.image.features import EXTRACTORS, extractor, inception
from multigan.plugins.image.features.extractor import rgb
from multigan.plugins.image.features.inception import fid_inception, tensorflow_bilinear


def pictures(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, shape, generator=generator, dtype=torch.uint8)


# What all share -----------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_tensor_is_the_png_that_it_would_be_saved_as(channels, tmp_path):
    levels = torch.rand(1, channels, 9, 7, generator=torch.Generator().manual_seed(1))
    array = levels[0].mul(255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(array[:, :, 0] if channels == 1 else array).save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png")
    saved = torch.from_numpy(over_white(picture.rgb, picture.alpha)).permute(2, 0, 1)[None]
    torch.testing.assert_close(rgb(levels), saved.float(), rtol=0, atol=0)
    torch.testing.assert_close(rgb(saved), saved.float(), rtol=0, atol=0)


def test_refuses_what_is_no_picture():
    with pytest.raises(ValueError, match="channels"):
        rgb(torch.zeros(1, 2, 4, 4))
    with pytest.raises(ValueError, match="uint8 or floats"):
        rgb(torch.zeros(1, 3, 4, 4, dtype=torch.int64))


def test_unknown_names_and_needless_weights():
    with pytest.raises(PluginError, match="did you mean 'digits'"):
        extractor("digit")
    for name in ("digits", "random-conv"):
        with pytest.raises(PluginError, match="leave --weights out"):
            extractor(name, weights="file")


# Inception ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    """A file of random weights in the layout of FID's."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "stand-in.pth"
    torch.save(fid_inception().state_dict(), path)
    return path


def test_inception_layout(stand_in):
    tensors = torch.load(stand_in, weights_only=True)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    # As listed in pytorch-fid's file.
    assert shapes["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert shapes["Conv2d_4a_3x3.bn.running_var"] == (192,)
    assert shapes["Mixed_5b.branch_pool.conv.weight"] == (32, 192, 1, 1)
    assert shapes["Mixed_6c.branch7x7dbl_5.conv.weight"] == (192, 160, 1, 7)
    assert shapes["Mixed_7c.branch3x3dbl_3b.bn.bias"] == (384,)
    assert shapes["fc.weight"] == (1008, 2048)
    assert not any(name.startswith("AuxLogits") for name in shapes)
    assert sum("conv.weight" in name for name in shapes) == 94


def test_inception_pools_as_tensorflow_does():
    """Ones stay ones at the border if padding is left out; the last block takes the maximum."""
    network, seen = fid_inception().eval(), {}
    for name in ("Mixed_5b", "Mixed_6b", "Mixed_7b", "Mixed_7c"):
        block = getattr(network, name)

        def keep(module, given, name=name):
            seen[name] = given[0]

        block.branch_pool.register_forward_pre_hook(keep)
        channels = block.branch_pool.conv.in_channels
        ones = torch.ones(1, channels, 5, 5)
        ones[0, 0, 0, 0] = 10
        block(ones)
    for name in ("Mixed_5b", "Mixed_6b", "Mixed_7b"):
        assert seen[name][0, 1].unique().tolist() == [1.0]
        assert seen[name][0, 0, 0, 0] == pytest.approx(13 / 4)  # four pixels in the corner
        assert seen[name][0, 0, 1, 1] == pytest.approx(18 / 9)
    assert seen["Mixed_7c"][0, 0, :2, :2].unique().tolist() == [10.0]


def test_inception_scores_are_called_fid_only_with_its_weights(stand_in, monkeypatch):
    images = pictures(2, 3, 40, 50)
    network = extractor("inception-v3", weights=str(stand_in))
    assert network.official == {} and "not those of FID" in network.protocol
    features = network(images)
    assert features.shape == (2, 2048) and features.min() >= 0
    logits = network.logits(features)
    tensors = torch.load(stand_in, weights_only=True)
    torch.testing.assert_close(logits, features @ tensors["fc.weight"].T)  # no bias
    # A grey of 128 is TensorFlow's zero.
    assert network.prepare(torch.full((1, 3, 20, 20), 128, dtype=torch.uint8)).abs().max() == 0

    monkeypatch.setattr(inception, "SHA256", inception._sha256(stand_in)[:8])
    assert extractor("inception-v3", weights=str(stand_in)).official["frechet"] == "fid"


def test_inception_from_the_hub_cache_or_one_line(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(CheckpointError, match=r"download https://.*\.pth and name") as caught:
        extractor("inception-v3")
    assert "\n" not in str(caught.value)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / inception.FILE).symlink_to(stand_in)
    assert extractor("inception-v3").name == "inception-v3"


def test_inception_refuses_other_files(tmp_path):
    def refused(match, content=None, tensors=None):
        path = tmp_path / "file.pth"
        path.write_bytes(content or b"")
        if tensors is not None:
            torch.save(tensors, path)
        with pytest.raises(CheckpointError, match=match) as caught:
            extractor("inception-v3", weights=str(path))
        assert "\n" not in str(caught.value)

    refused("cannot be read", content=b"<html>not found</html>")
    refused("cannot be read", tensors=fid_inception)  # code, which is never unpickled
    refused("other things", tensors=[1, 2])
    refused("does not fit", tensors={"weight": torch.zeros(3)})
    with pytest.raises(CheckpointError, match="is not a file"):
        extractor("inception-v3", weights=str(tmp_path))


def test_tensorflow_bilinear_equals_its_definition():
    x = torch.rand(1, 2, 5, 9, generator=torch.Generator().manual_seed(2))
    side = 7
    found = tensorflow_bilinear(x, side)
    for i in range(side):
        for j in range(side):
            y, z = i * 5 / side, j * 9 / side
            top, left = math.floor(y), math.floor(z)
            low, right = min(top + 1, 4), min(left + 1, 8)
            p, q = y - top, z - left
            expected = (1 - p) * ((1 - q) * x[0, :, top, left] + q * x[0, :, top, right])
            expected = expected + p * ((1 - q) * x[0, :, low, left] + q * x[0, :, low, right])
            torch.testing.assert_close(found[0, :, i, j], expected)
    row = tensorflow_bilinear(torch.tensor([0.0, 1.0]).expand(1, 1, 2, 2), 4)[0, 0, 0]
    assert row.tolist() == [0.0, 0.5, 1.0, 1.0]
    unchanged = pictures(1, 3, 299, 299).float()
    torch.testing.assert_close(tensorflow_bilinear(unchanged, 299), unchanged, rtol=0, atol=0)


# Encoders of transformers -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """Tiny random models in folders: name -> folder."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    dinov2 = transformers.Dinov2Config(**sizes, image_size=28, patch_size=14)
    vision = {
        **sizes,
        "image_size": 32,
        "patch_size": 8,
        "intermediate_size": 64,
        "projection_dim": 16,
    }
    text = {**sizes, "intermediate_size": 64, "vocab_size": 99, "eos_token_id": 2}
    clip = transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=16)
    folder = tmp_path_factory.mktemp("encoders")
    transformers.Dinov2Model(dinov2).save_pretrained(folder / "dinov2")
    transformers.CLIPModel(clip).save_pretrained(folder / "clip")
    return folder


def test_dinov2_is_its_class_token(encoders):
    from transformers import Dinov2Model
    from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

    images = pictures(2, 3, 224, 224)
    mean, std = (
        torch.tensor(each)[:, None, None] for each in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
    )
    with torch.no_grad():
        plain = Dinov2Model.from_pretrained(encoders / "dinov2").eval()
        expected = plain(pixel_values=(images / 255 - mean) / std).last_hidden_state[:, 0]
    network = extractor("dinov2", weights=str(encoders / "dinov2"))
    torch.testing.assert_close(network(images), expected)
    assert network.protocol.startswith("dinov2, squeezed to 224x224")


def test_clip_is_its_picture_embedding(encoders):
    from transformers import CLIPModel
    from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    images = pictures(3, 3, 32, 32)
    mean, std = (torch.tensor(each)[:, None, None] for each in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD))
    whole = CLIPModel.from_pretrained(encoders / "clip").eval()
    with torch.no_grad():
        seen = whole.vision_model(pixel_values=(images / 255 - mean) / std).pooler_output
        expected = whole.visual_projection(seen)
    network = extractor("clip", weights=str(encoders / "clip"))
    torch.testing.assert_close(network(images), expected)
    large = F.interpolate(images.float(), (96, 64), mode="nearest").byte()
    prepared = network.prepare(large)
    assert prepared.shape == (3, 3, 32, 32)
    # White stays white: bicubic overshoot is cut off.
    white = (1 - torch.tensor(OPENAI_CLIP_MEAN)) / torch.tensor(OPENAI_CLIP_STD)
    assert (prepared <= white[:, None, None] + 1e-6).all()


def test_encoders_that_cannot_be_had(encoders, monkeypatch, tmp_path):
    import huggingface_hub

    def offline(*args, **kwargs):
        raise OSError("Name or service not known\nat several lines")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", offline)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    cases = [
        ("dinov2", "nobody/has-such-a-model", "name a folder with --weights"),
        ("clip", str(tmp_path), "name a folder with --weights"),
        ("clip", str(encoders / "dinov2"), "a model of another kind"),
        ("dinov2", str(encoders / "clip"), "a model of another kind"),
    ]
    for name, weights, match in cases:
        with pytest.raises(CheckpointError, match=match) as caught:
            extractor(name, weights=weights)
        assert "\n" not in str(caught.value)


# Digits and random filters ------------------------------------------------------------------------


def drawn_digits(size):
    """White on black, 28x28, in a printed typeface that the classifier was not trained on."""
    pages = []
    for digit in range(10):
        page = Image.new("L", (28, 28))
        font = ImageFont.load_default(size)
        ImageDraw.Draw(page).text((14, 14), str(digit), 255, font=font, anchor="mm")
        pages.append(np.array(page))
    return torch.from_numpy(np.stack(pages))[:, None]


def test_digits_reads_digits():
    network = extractor("digits")
    features = network(drawn_digits(20))
    assert features.shape == (10, 128)
    assert network.logits(features).argmax(1).tolist() == list(range(10))
    assert network.class_names == tuple("0123456789")
    # The same in colour, as floats and twice as large.
    large = drawn_digits(20).repeat_interleave(2, 2).repeat_interleave(2, 3).expand(-1, 3, -1, -1)
    found = network.logits(network(large / 255)).argmax(1)
    assert (found == torch.arange(10)).sum() >= 9


def test_random_features_never_change():
    """Numbers from another time and another machine have to be comparable."""
    x = torch.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8).mul(37).remainder(256).byte()
    features = extractor("random-conv")(x)
    assert features.shape == (2, 896)
    assert features.mean().item() == pytest.approx(0.15998447, rel=1e-4)
    expected = [0.24158019, 0.00019348, 0.07043678, 0.43653498, 0.17314003]
    assert features[1, ::200].tolist() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", ["digits", "random-conv"])
def test_frozen_and_without_randomness(name):
    network = extractor(name)
    assert not network.training and not any(p.requires_grad for p in network.parameters())
    x = pictures(4, 3, 30, 20)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)
    assert set(EXTRACTORS) == {"inception-v3", "dinov2", "clip", "digits", "random-conv"}
