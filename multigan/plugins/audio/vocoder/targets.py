"""What ``multigan vocode`` writes where, decided before any sound is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from multigan.data.audio import SUFFIXES
from multigan.data.files import list_files
from multigan.errors import DataError

LABEL = "vocoded"  # appended to names
MEL = ".npy"


@dataclass(frozen=True)
class Job:
    """A sound or a spectrogram, and the sound that is made of it.

    Attributes:
        source: The file.
        target: The file to write.
    """

    source: Path
    target: Path


def plan(paths: list[Path], output: Path | None) -> tuple[list[Job], list[str]]:
    """Decides what is written where.

    Args:
        paths: Sounds, spectrograms, and folders of them.
        output: A .wav for one input, else a folder; None writes beside the input.

    Returns:
        The jobs, and a line for each path that cannot be read.

    Raises:
        DataError: One file for several results, two results of the same name, or one that would
            overwrite an input.
    """
    jobs: list[Job] = []
    problems: list[str] = []
    alone = output is not None and bool(output.suffix) and not output.is_dir()
    if output is not None and alone:
        if output.suffix.lower() != ".wav":
            raise DataError(f"{output}: sounds are written as WAV; let the name end in .wav")
        if len(paths) > 1 or paths[0].is_dir():
            raise DataError(f"{output} is one file, but there are several inputs; name a folder")
    for path in paths:
        try:
            if path.is_dir():
                root = output or path.with_name(f"{path.resolve().name}-{LABEL}")
                files = list_files(path, suffixes=(*SUFFIXES, MEL), what="sounds or spectrograms")
                for file in files:
                    jobs.append(Job(file, _in(root / file.relative_to(path).parent, file)))
            elif not path.exists():
                raise DataError(f"{path} does not exist")
            elif output is not None and alone:
                jobs.append(Job(path, output))
            else:
                jobs.append(Job(path, _in(output or path.parent, path)))
        except DataError as error:
            problems.append(str(error))
    sources = {job.source.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        if job.target.resolve() in sources:
            raise DataError(f"{job.target} would overwrite an input; choose another -o")
        if job.target in taken:
            both = f"{taken[job.target]} and {job.source}"
            raise DataError(f"{both} would both become {job.target}")
        taken[job.target] = job.source
    return jobs, problems


def _in(folder: Path, source: Path) -> Path:
    return folder / f"{source.stem}-{LABEL}.wav"
