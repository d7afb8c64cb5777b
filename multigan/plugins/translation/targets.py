"""What ``multigan translate`` writes where, decided before anything is translated."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from multigan.data.files import list_files
from multigan.data.film import FILMS, READABLE_VIDEOS, VIDEOS, is_film
from multigan.data.media import SUFFIXES
from multigan.errors import DataError


@dataclass(frozen=True)
class Job:
    """One file to translate into another."""

    source: Path
    target: Path
    film: bool


def plan(paths: list[Path], label: str, output: Path | None) -> tuple[list[Job], list[str]]:
    """Decides what is written where.

    Args:
        paths: Pictures, films and folders of both.
        label: Appended to the names of the results.
        output: A file for one input, else a folder; None writes beside the inputs.

    Returns:
        The jobs, and the problems of paths that cannot be read, already printed.

    Raises:
        DataError: Two results would share a name, or overwrite an input.
    """
    jobs: list[Job] = []
    problems: list[str] = []
    single = len(paths) == 1 and not paths[0].is_dir()
    for path in paths:
        for file, folder in _files(path, label, output, problems):
            try:
                jobs.append(_job(file, label, folder, single=single))
            except DataError as error:
                _tell(error, problems)
    taken: dict[Path, Path] = {}
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        if job.target.resolve() in sources:
            raise DataError(f"{job.target} would overwrite an input; choose another -o")
        if job.target in taken:
            both = f"{taken[job.target]} and {job.source}"
            raise DataError(f"{both} would both become {job.target}")
        taken[job.target] = job.source
    return jobs, problems


def _files(
    path: Path, label: str, output: Path | None, problems: list[str]
) -> Iterator[tuple[Path, Path | None]]:
    """The files below a path, and the file or folder that each is meant to go to."""
    if not path.is_dir():
        yield path, output
        return
    folder = output or path.with_name(f"{path.resolve().name}-{label}")
    try:
        found = list_files(path, suffixes=(*SUFFIXES, *READABLE_VIDEOS), what="pictures or films")
    except DataError as error:
        _tell(error, problems)
        return
    for file in found:
        yield file, folder / file.relative_to(path).parent / ""


def _job(source: Path, label: str, output: Path | None, *, single: bool) -> Job:
    if not source.exists():
        raise DataError(f"{source} does not exist")
    film = is_film(source)
    known: Collection[str] = FILMS if film else SUFFIXES
    ...
