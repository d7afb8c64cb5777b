"""Motion files: BVH of any skeleton, the CMU set's exponential maps, DeepMimic's JSON."""

from __future__ import annotations

from pathlib import Path

from multigan.errors import DataError
from multigan.plugins.motion.skeleton import Motion

SUFFIXES = (".bvh", ".npz", ".json")
_NOT_CLIPS = ("skeleton.json",)  # lies beside CMU's clips


def is_clip(path: Path) -> bool:
    """Whether a file with a fitting suffix is to be read as a motion."""
    return path.name not in _NOT_CLIPS


def read_motion(path: Path) -> Motion:
    """Reads a motion, by the suffix of its file.

    Raises:
        DataError: Missing, damaged, or of another kind; one line with the name of the file.
    """
    suffix = path.suffix.lower()
    if suffix == ".bvh":
        from multigan.plugins.motion.files.bvh import read_bvh

        return read_bvh(path)
    if suffix == ".npz":
        from multigan.plugins.motion.files.cmu import read_cmu

        return read_cmu(path)
    if suffix == ".json":
        from multigan.plugins.motion.files.deepmimic import read_deepmimic

        return read_deepmimic(path)
    raise DataError(f"{path}: no motion file by its name; use {' '.join(SUFFIXES)}")
