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
        DataError: Two results would have the same name, or one would overwrite an input.
    """
    jobs: list[Job] = []
    problems: list[str] = []
    for path in paths:
        try:
            if path.is_dir():
                root = output or path.with_name(f"{path.resolve().name}-{LABEL}")
                files = list_files(path, suffixes=(*SUFFIXES, MEL), what="sounds or spectrograms")
                jobs += [
                    Job(file, _in(root / file.relative_to(path).parent, file)) for file in files
                ]
            elif not path.exists():
                raise DataError(f"{path} does not exist")
            elif output is None or output.is_dir() or not output.suffix:
                jobs.append(Job(path, _in(output or path.parent, path)))
            elif output.suffix.lower() != ".wav":
                raise DataError(f"{output}: sounds are written as WAV; let the name end in .wav")
            elif len(paths) > 1:
                raise DataError(
                    f"{output} is one file, but there are several inputs; name a folder"
                )
            else:
                jobs.append(Job(path, output))
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
