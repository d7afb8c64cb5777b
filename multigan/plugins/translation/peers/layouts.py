"""All layouts that ``multigan import`` knows here: whose tensors are these?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from multigan.errors import CheckpointError
from multigan.inference.foreign import Imported
from multigan.nn.network import Network
from multigan.plugins.translation.networks import ResnetGenerator, UNetGenerator
from multigan.plugins.translation.peers import animegan, cut, resnet, unet
from multigan.plugins.translation.peers.tensors import State


@dataclass(frozen=True)
class Layout:
    """One kind of file.

    Attributes:
        name: Its key in the plugin's manifest.
        network: Our network for it.
        recognise: Tensors -> arguments of the network; None if they are of another layout.
        weights: Tensors -> the same by the names of the network.
        facts: Arguments -> how the pipeline feeds it.
        note: For the model card.
    """

    name: str
    network: type[Network]
    recognise: Callable[[State], dict[str, Any] | None]
    weights: Callable[[State], dict[str, Tensor]]
    facts: Callable[[dict[str, Any]], dict[str, Any]]
    note: str


LAYOUTS = (
    Layout(
        "cyclegan-resnet", ResnetGenerator, resnet.recognise, resnet.weights, resnet.facts,
        "The original tools squeeze pictures to 256x256; here they keep their size and shape.",
    ),
    Layout(
        "pix2pix-unet", UNetGenerator, unet.recognise, unet.weights, unet.facts,
        "It is used as in evaluation, without dropout and with the statistics of its training; the "
        "original tools test in training mode unless told `--eval`, so results differ.",
    ),
    Layout(
        "cut-resnet", cut.AntialiasedResnetGenerator, cut.recognise, cut.weights, cut.facts,
        "The original tools squeeze pictures to 256x256; here they keep their size and shape.",
    ),
    Layout(
        "animegan2", animegan.AnimeGANGenerator, animegan.recognise, animegan.weights,
        animegan.facts,
        "It scales up to the exact earlier size, as the original does from torch.hub; the test.py "
        "of the original doubles instead, with slightly other results.",
    ),
)  # fmt: skip


def imported(state: State) -> Imported | None:
    """A generator of ours with these weights; None where the layout is unknown.

    Raises:
        CheckpointError: The layout is known, but not all tensors are there, or they are those of
            a network that makes no pictures.
    """
    if not all(tensor.numel() for tensor in state.values()):
        return None
    for layout in LAYOUTS:
        arguments = layout.recognise(state)
        if arguments is not None:
            network = layout.network(**arguments)
            _fill(network, layout, state)
            directions = {"directions": {"forward": "generator"}}
            facts = {**layout.facts(arguments), **directions}
            return Imported(layout.name, {"generator": network}, facts, (layout.note,))
    _refuse_the_others(state)
    return None


def _fill(network: Network, layout: Layout, state: State) -> None:
    tensors = layout.weights(state)
    wanted = {
        key: tensor.shape
        for key, tensor in network.state_dict().items()
        if not key.endswith("num_batches_tracked")  # unknown to torch before 0.4.1, and unused
    }
    for key in [*wanted, *tensors]:
        if key not in tensors:
            problem = f"{key} is missing"
        elif key in wanted and tensors[key].shape != wanted[key]:
            problem = f"{key} is {tuple(tensors[key].shape)} and not {tuple(wanted[key])}"
        elif key not in wanted and not key.endswith("num_batches_tracked"):
            problem = f"{key[:60]} does not belong to it"
        else:
            continue
        said = ", ".join(f"{name} {value}" for name, value in network.config.items())
        raise CheckpointError(f"looks like {layout.name} ({said}), but {problem}")
    network.load_state_dict(tensors, strict=False)


def _refuse_the_others(state: State) -> None:
    """What lies beside the generators in the folders of these projects."""
    first = state.get("model.0.weight", state.get("net.0.weight"))
    verdicts = any(tensor.dim() == 4 and len(tensor) == 1 for tensor in state.values())
    if first is not None and first.shape[2:] in ((4, 4), (1, 1)) and verdicts:
        raise CheckpointError(
            "is a discriminator, which judges pictures and makes none; name the generator, which "
            "lies beside it: latest_net_G.pth, or latest_net_G_A.pth of a CycleGAN"
        )
    if any(key.startswith("mlp_0.") for key in state):
        raise CheckpointError(
            "is CUT's feature network, which makes no pictures; name the generator, which lies "
            "beside it: latest_net_G.pth"
        )
