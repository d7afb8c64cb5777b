"""Many pictures: files are read and written in threads while the network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from multigan.data.media import Picture, read_image, write_image
from multigan.errors import DataError, MultiganError
from multigan.plugins.translation.pipeline import TranslationPipeline


def translate_files(
    pipe: TranslationPipeline,
    jobs: Iterable[tuple[Path, Path]],
    *,
    read: Callable[[Path], Picture] = read_image,
    workers: int = 2,
    **options: Any,
) -> Iterator[Path | MultiganError]:
    """Translates files one after the other; about ``2 * workers`` pictures are in memory.

    Args:
        pipe: Whose ``translate`` draws them.
        jobs: (source, target); folders of targets are made.
        read: Opens a source.
        workers: Threads that read ahead and write behind.
        options: Of ``pipe.translate``.

    Yields:
        In the order of the jobs: the file written, or why there is none.
    """
    todo = iter(jobs)
    pool = ThreadPoolExecutor(workers)
    try:
        reading = deque((job, pool.submit(read, job[0])) for job in islice(todo, workers))
        writing: deque[Future[Path]] = deque()
        while reading:
            (source, target), given = reading.popleft()
            reading += ((job, pool.submit(read, job[0])) for job in islice(todo, 1))
            try:
                picture = pipe.translate(given.result(), **options)
                writing.append(pool.submit(_write, picture, target))
            except (MultiganError, OSError) as error:
                failed: Future[Path] = Future()
                failed.set_exception(_named(error, source))
                writing.append(failed)
            if len(writing) > workers:
                yield _outcome(writing.popleft())
        while writing:
            yield _outcome(writing.popleft())
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing more is begun


def _write(picture: Picture, target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return write_image(picture, target)
    except OSError as error:
        raise _named(error, target) from error


def _named(error: MultiganError | OSError, path: Path) -> MultiganError:
    return DataError(f"{path}: {error}") if isinstance(error, OSError) else error


def _outcome(written: Future[Path]) -> Path | MultiganError:
    try:
        return written.result()
    except MultiganError as error:
        return error
