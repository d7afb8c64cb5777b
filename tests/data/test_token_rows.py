"""Tables on the disk: the same numbers, whole or not at all, and another folder for other data."""

from __future__ import annotations

import os

import numpy as np
import pytest

from multigan.data.token_rows import cache_folder, open_table, write_table, written_whole
from multigan.errors import DataError


def test_columns_come_back_chunk_after_chunk(tmp_path):
    tokens = np.arange(70, dtype=np.uint16).reshape(10, 7)
    labels = np.arange(10, dtype=np.int32)
    parts = [slice(0, 4), slice(4, 4), slice(4, 10)]
    write_table(tmp_path / "t", ({"tokens": tokens[p], "labels": labels[p]} for p in parts))
    table = open_table(tmp_path / "t")
    assert isinstance(table["tokens"], np.memmap) and table["tokens"].dtype == np.uint16
    assert np.array_equal(table["tokens"], tokens) and np.array_equal(table["labels"], labels)
    write_table(tmp_path / "empty", [{"tokens": tokens[:0]}])
    assert open_table(tmp_path / "empty")["tokens"].shape == (0, 7)


def test_a_file_that_was_cut_is_noticed(tmp_path):
    write_table(tmp_path / "t", [{"tokens": np.zeros((10, 7), np.int32)}])
    os.truncate(tmp_path / "t" / "tokens", 100)
    with pytest.raises(ValueError):
        open_table(tmp_path / "t")


def test_every_change_of_files_or_settings_gives_another_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MULTIGAN_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "a.txt"
    file.write_text("one")

    def folder(**settings):
        return cache_folder("text", settings=settings, files=[file])

    folders = [folder(size=1), folder(size=2)]
    assert folders[0] == folder(size=1) and folders[0].parent == tmp_path / "cache" / "text"
    file.write_text("four")
    folders.append(folder(size=1))
    os.utime(file, ns=(0, 1))
    folders.append(folder(size=1))
    file.rename(tmp_path / "b.txt")
    file = tmp_path / "b.txt"
    folders.append(folder(size=1))
    assert len(set(folders)) == 5
    monkeypatch.delenv("MULTIGAN_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder().parent == tmp_path / ".cache" / "multigan" / "text"


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "cache" / "x"
    with pytest.raises(KeyboardInterrupt), written_whole(target) as folder:
        (folder / "a").write_text("half")
        raise KeyboardInterrupt
    assert not list((tmp_path / "cache").iterdir())
    with written_whole(target) as folder:
        (folder / "a").write_text("whole")
        assert not target.exists()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["x"]
    with written_whole(target) as folder:  # another process was first
        (folder / "a").write_text("late")
    assert (target / "a").read_text() == "whole"


def test_an_unwritable_cache_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="MULTIGAN_CACHE"), written_whole(tmp_path / "file" / "x"):
        pass
