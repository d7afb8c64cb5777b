"""Translating films: three threads read, draw and write, and no more than a few frames are held."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from PIL import Image

from multigan.data.film import create_film, open_film
from multigan.data.frames import Film, Frame
from multigan.plugins.translation.films.smoothing import TemporalSmoothing

SMOOTH = 0.8  # a fifth of the flicker is left where nothing moves; see docs/translation.md
# Pixels that are worth drawing at once. A processor has enough to do with one picture, unless it is
# very small.
_BATCH_PIXELS = 2**16
_BATCH_PIXELS_ELSEWHERE = 2**22
_LARGEST_BATCH = 32

Item = TypeVar("Item")


class Translator(Protocol):
    """What draws the frames: a `TranslationPipeline`."""

    side: int | None

    @property
    def device(self) -> torch.device:
        """Where it draws."""
        ...

    def shrunk(self, rgb: np.ndarray, *, side: int | None = None) -> np.ndarray:
        """A frame at the size at which it is drawn."""
        ...

    def translate_batch(self, rgb: np.ndarray, *, direction: str | None = None) -> np.ndarray:
        """Drawings of frames, uint8 (N, H, W, 3)."""
        ...

    def finished(
        self, drawn: np.ndarray, size: tuple[int, ...], *, side: int | None = None
    ) -> np.ndarray:
        """A drawing at the frame's size, which is (H, W)."""
        ...


def translate_film(
    pipe: Translator,
    source: Path,
    target: Path,
    *,
    direction: str | None = None,
    side: int | None = None,
    smooth: float = SMOOTH,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[str]:
    """Translates a video or animation into a file that has its times, sound and metadata.

    Args:
        pipe: What to translate with.
        source: The film.
        target: Its suffix says which kind of film is written.
        direction: As for pictures.
        side: As for pictures: the shorter side at which frames are drawn.
        smooth: Strength of the smoothing over time, 0 to 1.
        progress: Called with the frames written so far and how many there probably are.

    Returns:
        A line for each thing that went wrong without spoiling the rest: a source that is cut short.

    Raises:
        DataError: The source is no film, or the target cannot be written.
        PluginError: The model does not know the direction.
    """
    reader = open_film(source)
    batch = _batch_size(pipe, reader.film, side)
    with closing(reader), closing(_ahead(reader.frames(), depth=batch + 1)) as frames:
        drawing = _draw(pipe, frames, direction=direction, side=side, smooth=smooth, batch=batch)
        with closing(_ahead(drawing, depth=batch + 1)) as drawn:
            first = next(drawn)
            height, width = first.rgb.shape[:2]  # a model may change the size
            film = replace(reader.film, width=width, height=height)
            target.parent.mkdir(parents=True, exist_ok=True)
            with create_film(target, film) as writer:
                for count, frame in enumerate(itertools.chain([first], drawn), start=1):
                    writer.write(frame)
                    if progress is not None:
                        progress(count, film.num_frames)
            return reader.problems + writer.problems


def stream(
    pipe: Translator,
    frames: Iterable[np.ndarray],
    *,
    direction: str | None = None,
    side: int | None = None,
    smooth: float = SMOOTH,
    batch: int = 1,
) -> Iterator[np.ndarray]:
    """Translates uint8 (H, W, 3) frames as they come; see `TranslationPipeline.stream`."""
    if batch < 1:
        raise ValueError(f"batch must be at least 1, not {batch}")
    TemporalSmoothing(smooth)  # a mistake is told now and not when the first frame is asked for
    held = (Frame(frame) for frame in frames)
    drawing = _draw(pipe, held, direction=direction, side=side, smooth=smooth, batch=batch)
    return (frame.rgb for frame in drawing)


def _draw(
    pipe: Translator,
    frames: Iterable[Frame],
    *,
    direction: str | None,
    side: int | None,
    smooth: float,
    batch: int,
) -> Generator[Frame, None, None]:
    smoothing = TemporalSmoothing(smooth)
    for group in _groups(frames, batch):
        given = [pipe.shrunk(frame.rgb, side=side) for frame in group]
        with _fast_arithmetic(pipe.device):
            drawn = pipe.translate_batch(np.stack(given), direction=direction)
        for frame, small, drawing in zip(group, given, drawn, strict=True):
            steady = smoothing(small, drawing)
            rgb = pipe.finished(steady, frame.rgb.shape[:2], side=side)
            yield replace(frame, rgb=rgb, alpha=_as_large(frame.alpha, rgb))


def _as_large(alpha: np.ndarray | None, rgb: np.ndarray) -> np.ndarray | None:
    if alpha is None or alpha.shape == rgb.shape[:2]:
        return alpha
    size = (rgb.shape[1], rgb.shape[0])
    return np.array(Image.fromarray(alpha).resize(size, Image.Resampling.BICUBIC))


def _groups(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Up to `size` frames that follow each other and have the same height and width."""
    group: list[Frame] = []
    for frame in frames:
        if group and frame.rgb.shape != group[0].rgb.shape:
            yield group
            group = []
        group.append(frame)
        if len(group) == size:  # a webcam's frame must not wait for the next one
            yield group
            group = []
    if group:
        yield group


def _batch_size(pipe: Translator, film: Film, side: int | None) -> int:
    side = pipe.side if side is None else side
    scale = min(1.0, side / min(film.width, film.height)) if side else 1.0
    worth = _BATCH_PIXELS if pipe.device.type == "cpu" else _BATCH_PIXELS_ELSEWHERE
    return min(max(1, int(worth / (scale**2 * film.width * film.height))), _LARGEST_BATCH)


def _fast_arithmetic(device: torch.device) -> torch.autocast:
    """bfloat16 where the hardware multiplies it: half the time, a third of a level of difference.

    Elsewhere it is emulated, and slower than float32.
    """
    if device.type == "cpu":
        ask: Callable[[], dict[str, object]] = getattr(torch.cpu, "get_capabilities", dict)
        able = ask()  # nothing from an older torch, which cannot say
        fast = any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    else:
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def _ahead(items: Iterable[Item], *, depth: int) -> Generator[Item, None, None]:
    """Runs an iterator in a thread of its own, up to `depth` items before they are asked for.

    Closing it ends the thread, and the iterator with it, after the item that is in the making.
    """
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def work() -> None:
        failure: BaseException | None = None
        try:
            for item in items:
                ready.put((item, None))
                if stopped.is_set():
                    return
        except BaseException as error:  # raised again where the items are used
            failure = error
        finally:
            if isinstance(items, Generator):
                items.close()
        ready.put((None, failure or StopIteration()))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, failure = ready.get()
            if isinstance(failure, StopIteration):
                return
            if failure is not None:
                raise failure
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        while thread.is_alive():  # it may be waiting for a place in the queue
            try:
                ready.get(timeout=0.02)
            except queue.Empty:
                continue
