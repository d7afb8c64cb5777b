"""What ``multigan translate`` writes where, decided before anything is translated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from multigan.data.files import list_files
from multigan.data.film import is_film
from multigan.data.frames import ANIMATIONS, FILMS, READABLE_VIDEOS
from multigan.data.media import SUFFIXES
from multigan.errors import DataError


@dataclass(frozen=True)
class Job:
    """A file and what it is translated into.

    Attributes:
        source: A picture or film.
        target: The file to write.
        film: Which of the two.
    """

    source: Path
    target: Path
    film: bool


def plan(paths: list[Path], label: str, output: Path | None) -> tuple[list[Job], list[str]]:
    """Decides what is written where.

    Args:
        paths: Pictures, films, and folders of them.
        label: What is appended to file names.
        output: A file for one input, else a folder; None writes beside the input.

    Returns:
        The jobs, and a line for each path that cannot be read.

    Raises:
        DataError: Two results would have the same name, or one would overwrite an input.
    """
    jobs: list[Job] = []
    problems: list[str] = []
    single = len(paths) == 1 and not paths[0].is_dir()
    for path in paths:
        try:
            files = _files(path) if path.is_dir() else [path]
        except DataError as error:
            files = []
            problems.append(str(error))
        for file in files:
            try:
                if path.is_dir():
                    folder = output or path.with_name(f"{path.resolve().name}-{label}")
                    jobs.append(_into(folder / file.relative_to(path).parent, file, label))
                else:
                    jobs.append(_job(file, label, output, single=single))
            except DataError as error:
                problems.append(str(error))
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


def _files(folder: Path) -> list[Path]:
    return list_files(folder, suffixes=(*SUFFIXES, *READABLE_VIDEOS), what="pictures or films")


def _job(source: Path, label: str, output: Path | None, *, single: bool) -> Job:
    if not source.exists():
        raise DataError(f"{source} does not exist")
    if output is None:
        return _into(source.parent, source, label)
    suffix = output.suffix.lower()
    if output.is_dir() or not suffix:
        return _into(output, source, label)
    film = is_film(source)
    known = FILMS if film else tuple(SUFFIXES)
    if suffix not in {*SUFFIXES, *FILMS}:
        raise DataError(f"{output}: cannot write {suffix} files; choose one of: {', '.join(known)}")
    if not single:
        raise DataError(f"{output} is one file, but there are several inputs; name a folder")
    if suffix not in known:
        what = "a film" if film else "a picture"
        raise DataError(
            f"{source} is {what}; instead of {suffix} choose one of: {', '.join(known)}"
        )
    return Job(source, output, film)


def _into(folder: Path, source: Path, label: str) -> Job:
    film = is_film(source)
    suffix = source.suffix  # a picture without one that we can write gets that of its format
    if film and suffix.lower() not in ANIMATIONS:
        from multigan.data.video_writer import fitting_suffix  # loads PyAV: only videos pay

        suffix = fitting_suffix(source)
    return Job(source, folder / f"{source.stem}-{label}{suffix}", film)
