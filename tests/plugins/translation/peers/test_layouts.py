"""Each layout: recognised from its tensors alone, and the same results as the network it is of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from multigan.errors import CheckpointError
from multigan.plugins.translation import PLUGIN
from multigan.plugins.translation.peers.layouts import LAYOUTS, imported
from multigan.plugins.translation.pipeline import TranslationPipeline

BATCH, INSTANCE = nn.BatchNorm2d, nn.InstanceNorm2d

# Builder, its options, layout, what is recognised.
VARIANTS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("resnet", {}, "cyclegan-resnet", {"blocks": 2, "width": 4, "norm": "instance"}),
    ("resnet", {"width": 6, "blocks": 1}, "cyclegan-resnet", {"blocks": 1, "width": 6}),
    ("resnet", {"norm": BATCH}, "cyclegan-resnet", {"norm": "batch"}),
    ("resnet", {"dropout": True}, "cyclegan-resnet", {"norm": "instance"}),
    ("resnet", {"dropout": True, "norm": BATCH}, "cyclegan-resnet", {"norm": "batch"}),
    ("cut", {}, "cut-resnet", {"blocks": 2, "width": 4, "norm": "instance"}),
    ("cut", {"width": 6, "blocks": 3}, "cut-resnet", {"blocks": 3, "width": 6}),
    ("cut", {"norm": BATCH, "dropout": True}, "cut-resnet", {"norm": "batch"}),
    ("cut", {"dropout": True}, "cut-resnet", {"norm": "instance"}),
    ("unet", {}, "pix2pix-unet", {"depth": 5, "width": 4, "norm": "batch"}),
    ("unet", {"norm": INSTANCE}, "pix2pix-unet", {"norm": "instance"}),
    ("unet", {"depth": 7, "width": 2, "dropout": True}, "pix2pix-unet", {"depth": 7, "width": 2}),
    ("animegan", {}, "animegan2", {"width": 4}),
    ("animegan", {"width": 8}, "animegan2", {"width": 8}),
]


def build(peers: Any, name: str, options: dict[str, Any]) -> nn.Module:
    torch.manual_seed(1)
    return getattr(peers, name)(**options)


def pictures(name: str, options: dict[str, Any]) -> Tensor:
    side = 2 ** options.get("depth", 5) if name == "unet" else 32
    odd = name == "animegan"  # takes any size
    return torch.rand(2, 3, side + 5 * odd, 2 * side + 17 * odd).mul(2).sub(1)


@pytest.mark.parametrize(("name", "options", "layout", "arguments"), VARIANTS)
def test_results_are_those_of_the_original(peers, name, options, layout, arguments):
    peer = build(peers, name, options)
    found = imported(peer.state_dict())
    assert found is not None and found.layout == layout
    network = found.networks["generator"].eval()
    assert arguments.items() <= network.config.items()
    x_BCHW = pictures(name, options)
    with torch.no_grad():
        theirs, ours = peer(x_BCHW), network(x_BCHW)
    assert theirs.std() > 0.05  # a picture, not a plain one
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_nothing_is_left_out(peers):
    """Each tensor of each layout matters to the result, so equality above is of all of them."""
    for name, options, _, _ in VARIANTS:
        state = build(peers, name, options).state_dict()
        found = imported(state)
        kept = sum(tensor.numel() for tensor in found.networks["generator"].state_dict().values())
        blurs = sum(tensor.numel() for key, tensor in state.items() if key.endswith(".filt"))
        assert kept == sum(tensor.numel() for tensor in state.values()) - blurs


@pytest.mark.parametrize("name", ["resnet", "cut", "unet"])
@pytest.mark.parametrize(("coming", "painted"), [(1, 3), (3, 1), (1, 1)])
def test_grey_pictures(peers, name, coming, painted):
    peer = build(peers, name, {"coming": coming, "painted": painted})
    network = imported(peer.state_dict()).networks["generator"].eval()
    x_BCHW = pictures(name, {})
    luma = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    with torch.no_grad():
        theirs = peer(x_BCHW if coming == 3 else (x_BCHW * luma).sum(1, keepdim=True))
        torch.testing.assert_close(network(x_BCHW), theirs.expand(2, 3, -1, -1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["resnet", "cut", "unet"])
def test_other_channels_are_refused(peers, name):
    with pytest.raises(CheckpointError, match="1 channels into 2"):
        imported(build(peers, name, {"coming": 1, "painted": 2}).state_dict())


@pytest.mark.parametrize("name", ["resnet", "cut", "unet"])
def test_old_statistics_of_instance_norms_are_dropped(peers, name):
    """Files from before torch 0.4 hold them; nobody ever used them."""
    peer = build(peers, name, {"norm": INSTANCE})
    state = peer.state_dict()
    for path, module in peer.named_modules():
        if isinstance(module, INSTANCE):
            state[f"{path}.running_mean"] = torch.full((module.num_features,), 9.0)
            state[f"{path}.running_var"] = torch.full((module.num_features,), 9.0)
    network = imported(state).networks["generator"].eval()
    assert network.config["norm"] == "instance"
    x_BCHW = pictures(name, {})
    with torch.no_grad():
        torch.testing.assert_close(network(x_BCHW), peer(x_BCHW), atol=1e-5, rtol=0)


def test_batch_norms_of_old_files_count_no_batches(peers):
    peer = build(peers, "unet", {})
    state = {k: v for k, v in peer.state_dict().items() if not k.endswith("num_batches_tracked")}
    network = imported(state).networks["generator"].eval()
    x_BCHW = pictures("unet", {})
    with torch.no_grad():
        torch.testing.assert_close(network(x_BCHW), peer(x_BCHW), atol=1e-5, rtol=0)


def test_published_sizes(peers):
    """Parameters and tensors of the files that their projects have published."""
    expected = {
        "resnet": ({"width": 64, "blocks": 9}, 11_378_179, 48),
        "cut": ({"width": 64, "blocks": 9}, 11_378_179, 52),
        "animegan": ({"width": 32}, 2_143_552, 77),
        "unet": ({"width": 64, "depth": 8}, 54_413_955, 82),
    }
    with torch.device("meta"):
        for name, (options, parameters, tensors) in expected.items():
            peer = getattr(peers, name)(**options)
            assert sum(p.numel() for p in peer.parameters()) == parameters
            assert len(peer.state_dict()) == tensors


def test_the_cut_layout_is_theirs(peers):
    with torch.device("meta"):
        state = peers.cut(width=64, blocks=9).state_dict()
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    assert shapes["model.7.filt"] == (128, 1, 3, 3) and shapes["model.21.filt"] == (256, 1, 4, 4)
    assert {"model.11.filt", "model.25.filt", "model.20.conv_block.5.weight"} <= shapes.keys()
    assert shapes["model.22.weight"] == (128, 256, 3, 3) and "model.30.weight" in shapes


@pytest.mark.parametrize("name", ["resnet", "cut"])
@pytest.mark.parametrize("blocks", [1, 4])
def test_with_batch_norm_tiles_fit_together(peers, name, blocks):
    found = imported(build(peers, name, {"norm": BATCH, "blocks": blocks}).state_dict())
    halo, network = found.facts["halo"], found.networks["generator"].eval()
    side = 4 * halo
    picture = torch.rand(1, 3, 64, side, requires_grad=True)
    for place in range(side // 2, side // 2 + 4):  # the four places in a quarter of the size
        (gradient,) = torch.autograd.grad(network(picture)[..., place].sum(), picture)
        seen = gradient[0].abs().sum((0, 1)).nonzero()
        assert halo - 8 < (seen - place).abs().max() <= halo
    assert imported(build(peers, name, {}).state_dict()).facts["halo"] is None


def test_the_pipeline_keeps_any_size(peers):
    rgb = np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8)
    for name in ("resnet", "cut", "unet", "animegan"):
        found = imported(build(peers, name, {}).state_dict())
        pipe = TranslationPipeline(dict(found.networks), dict(found.facts))
        for part in (rgb, rgb[:1, :1], rgb[:, :3]):
            assert pipe.translate_array(part).shape == part.shape
        assert pipe.side is None and list(pipe.directions) == ["forward"]


def test_the_manifest_names_every_layout():
    assert [layout.name for layout in LAYOUTS] == list(PLUGIN.layouts)


# What is nearly one of them


def test_unknown_layouts_are_nobodys(peers):
    assert imported({"weight": torch.zeros(3)}) is None
    assert imported({}) is None
    # pix2pixHD halves four times before its first block.
    deeper = {
        key.replace("model.10.", "model.16."): tensor
        for key, tensor in build(peers, "resnet", {"blocks": 1}).state_dict().items()
    }
    assert imported(deeper) is None
    # CUT can be told to blur on one way only.
    assert imported(build(peers, "cut", {"up": False, "norm": BATCH}).state_dict()) is None
    # unet_16 is no U-Net of theirs.
    assert imported({"model.model.0.weight": torch.zeros(4, 3, 4, 4)}) is None


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("resnet", {"model.4.bias": None}, "model.4.bias is missing"),
        ("resnet", {"model.4.bias": torch.zeros(3)}, r"model.4.bias is \(3,\) and not \(8,\)"),
        ("resnet", {"model.99.weight": torch.zeros(3)}, "model.99.weight does not belong"),
        ("unet", {"model.model.3.extra": torch.zeros(3)}, "extra does not belong"),
        ("cut", {"model.4.weight": None}, "down.0.conv.weight is missing"),
        ("cut", {"model.5.weight": torch.ones(8)}, "down.0.norm.weight does not belong"),
        ("cut", {"model.7.filt": torch.ones(8, 1, 3, 3)}, "blurs of its own"),
        ("cut", {"model.7.filt": torch.ones(8, 1, 5, 5)}, "blurs of its own"),
        ("animegan", {"block_c.2.layers.2.weight": None}, "at_quarter.2.project.weight is missing"),
    ],
)
def test_what_does_not_fit_is_named(peers, name, change, said):
    state = build(peers, name, {}).state_dict() | change
    state = {key: tensor for key, tensor in state.items() if tensor is not None}
    with pytest.raises(CheckpointError, match=said):
        imported(state)


@pytest.mark.parametrize("name", ["resnet", "cut", "unet", "animegan"])
def test_no_tensor_is_taken_for_granted(peers, name):
    """Left out, a number, or empty: each is told or unknown, and nothing else is raised."""
    state = build(peers, name, {"painted": 1} if name != "animegan" else {}).state_dict()
    for key, tensor in state.items():
        if key.endswith("num_batches_tracked"):
            continue
        rest = {other: state[other] for other in state if other != key}
        for damage in ({}, {key: torch.tensor(0.5)}, {key: tensor[:0]}):
            try:
                found = imported(rest | damage)
            except CheckpointError:
                continue
            # Blurs are known without the file, and of one number there is no other shape.
            assert found is None or key.endswith(".filt") or tensor.numel() == 1


def test_files_that_lie_beside_the_generator(peers):
    with pytest.raises(CheckpointError, match=r"is a discriminator.*latest_net_G\.pth"):
        imported(peers.judge().state_dict())
    pixels = {"net.0.weight": torch.zeros(4, 3, 1, 1), "net.5.weight": torch.zeros(1, 8, 1, 1)}
    with pytest.raises(CheckpointError, match="is a discriminator"):
        imported(pixels)
    with pytest.raises(CheckpointError, match="feature network"):
        imported({"mlp_0.0.weight": torch.zeros(8, 3)})
