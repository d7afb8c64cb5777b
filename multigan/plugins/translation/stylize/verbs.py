"""``multigan stylize``: one photo painted like another picture. Importing this imports no torch."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from multigan.errors import DataError, PluginError

app = typer.Typer()


class Colours(StrEnum):
    """Whose colours the result has."""

    keep = "keep"
    style = "style"


class Features(StrEnum):
    """What pictures are compared in."""

    random = "random"
    vgg19 = "vgg19"


@app.command()
def stylize(
    photo: Annotated[Path, typer.Argument(help="The picture to paint.")],
    style_image: Annotated[Path, typer.Option(help="The picture to paint it like.")],
    size: Annotated[
        int, typer.Option(min=64, help="Longer side at which larger photos are painted.")
    ] = 512,
    iterations: Annotated[
        int, typer.Option(min=1, help="At each size from coarse to fine; more is closer.")
    ] = 60,
    content_weight: Annotated[
        float, typer.Option(min=0, help="More of it keeps more of the photo.")
    ] = 1.0,
    style_weight: Annotated[
        float, typer.Option(min=0, help="More of it looks more like the style.")
    ] = 10.0,
    tv_weight: Annotated[float, typer.Option(min=0, help="More of it is smoother.")] = 0.3,
    colours: Annotated[Colours, typer.Option(help="The style's, or keep the photo's.")] = (
        Colours.style
    ),
    features: Annotated[
        Features, typer.Option(help="random ones need nothing; vgg19 needs a file.")
    ] = Features.random,
    weights: Annotated[Path | None, typer.Option(help="The file of vgg19.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file or a folder.")
    ] = None,
) -> None:
    """Paint a photo in the style of one picture: photo.jpg becomes photo-art.jpg."""
    # Mistakes are told before torch is imported, and long before the result is ready.
    from multigan.data.media import read_image, write_image
    from multigan.data.pixels import over_white

    if weights is not None and features is not Features.vgg19:
        raise PluginError("--weights is the file of --features vgg19; say both, or neither")
    target = _target(photo, style_image, output)
    picture, style = read_image(photo), read_image(style_image)

    from multigan.plugins.translation.stylize.features import perceptual_features
    from multigan.plugins.translation.stylize.objective import Weights
    from multigan.plugins.translation.stylize.optimise import stylize as paint

    network = perceptual_features(features.value, weights=str(weights) if weights else None)
    with typer.progressbar(length=1000, label="painting", file=sys.stderr) as bar:
        painted = paint(
            picture,
            over_white(style.rgb, style.alpha),
            features=network,
            size=size,
            iterations=iterations,
            weights=Weights(content=content_weight, style=style_weight, tv=tv_weight),
            colours=colours.value,
            device=device or "cpu",
            progress=lambda share: bar.update(round(1000 * share) - bar.pos),
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    print(write_image(painted, target))


def _target(photo: Path, style_image: Path, output: Path | None) -> Path:
    """Where the result goes; a suffix that cannot be written is told before the work."""
    from multigan.data.media import SUFFIXES

    named = f"{photo.stem}-{style_image.stem}{photo.suffix}"
    if output is None:
        target = photo.with_name(named)
    elif output.is_dir() or not output.suffix:
        target = output / named
    else:
        target = output
    if target.suffix and target.suffix.lower() not in SUFFIXES:
        known = ", ".join(sorted(SUFFIXES))
        raise DataError(f"{target}: cannot write {target.suffix} files; choose one of: {known}")
    if target.resolve() in (photo.resolve(), style_image.resolve()):
        raise DataError(f"{target} would overwrite an input; choose another -o")
    return target
