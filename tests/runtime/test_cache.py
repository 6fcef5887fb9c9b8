"""The cache on disk: what it gives back, and what it never uses."""

import json
import os
import subprocess
import sys
import time
import warnings

import pytest

from dialectad.runtime import cache, engine
from dialectad.runtime.host import Host, host

IR = "define i64 @f() {\nret i64 42\n}"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    place = tmp_path / "cache"
    monkeypatch.setenv(cache.DIRECTORY, str(place))
    monkeypatch.delenv(cache.SWITCH, raising=False)
    cache._warn.cache_clear()
    monkeypatch.setattr(cache, "_written", 0)
    return place


def entries(folder):
    return sorted(folder.glob("*.code"))


def test_what_is_stored_is_loaded(folder):
    key = cache.key("ir", "pipeline")
    assert cache.load(key) is None
    cache.store(key, b"code", {"asserts": [["IndexError", "f.py:3"]]})
    assert cache.load(key) == cache.Entry(b"code", {"asserts": [["IndexError", "f.py:3"]]})
    assert [p.name for p in folder.iterdir()] == [key + ".code"]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_library_is_compiled_once(monkeypatch):
    import ctypes

    first = cache.library(IR)
    monkeypatch.setattr(engine, "object_code", None)
    second = cache.library(IR)
    assert first.object_code == second.object_code
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(second.address("f"))() == 42
    assert "ret i64 42" in second.optimized_ir()


def test_switched_off(folder, monkeypatch):
    monkeypatch.setenv(cache.SWITCH, "0")
    key = cache.key("a")
    assert cache.store(key, b"code").object_code == b"code"
    assert cache.load(key) is None
    assert not folder.exists()


@pytest.mark.parametrize("cut", [0, 5, 20, 60, -1])
def test_truncated_entries_are_not_used(folder, cut):
    key = cache.key("a")
    cache.store(key, b"code" * 100)
    path = entries(folder)[0]
    path.write_bytes(path.read_bytes()[:cut])
    assert cache.load(key) is None
    assert not path.exists()


@pytest.mark.parametrize("at", [0, 20, 55, 60, 200, -1])
def test_garbled_entries_are_not_used(folder, at):
    key = cache.key("a")
    cache.store(key, b"code" * 100)
    path = entries(folder)[0]
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    assert cache.load(key) is None


def test_renamed_entries_are_not_used(folder):
    cache.store(cache.key("a"), b"code")
    other = cache.key("b")
    entries(folder)[0].rename(folder / f"{other}.code")
    assert cache.load(other) is None


def test_the_key_tells_programs_machines_and_libraries_apart(monkeypatch):
    keys = {cache.key("a", "b"), cache.key("ab", ""), cache.key("b", "a"), cache.key("a", "b", "")}
    this = host()
    for other in (Host(this.triple, "other", this.features), Host(this.triple, this.cpu, "+sse")):
        cache._machine.cache_clear()
        monkeypatch.setattr(cache, "host", lambda other=other: other)
        keys.add(cache.key("a", "b"))
    monkeypatch.undo()
    cache._machine.cache_clear()
    monkeypatch.setenv("DIALECTAD_BLAS", "/elsewhere/libblas.so")
    keys.add(cache.key("a", "b"))
    monkeypatch.setattr(cache, "_source", lambda: "other source")
    keys.add(cache.key("a", "b"))
    assert len(keys) == 8


def test_pruning_removes_what_was_used_longest_ago(folder):
    keys = [cache.key(str(i)) for i in range(5)]
    for i, key in enumerate(keys):
        cache.store(key, b"x" * 10_000)
        os.utime(folder / f"{key}.code", (1000 + i, 1000 + i))
    cache.load(keys[0])
    cache.prune(folder, 25_000)
    assert [cache.load(key) is not None for key in keys] == [True, False, False, False, True]


def test_the_size_is_bounded_as_entries_are_written(folder, monkeypatch):
    monkeypatch.setenv(cache.SIZE, "0.1")
    monkeypatch.setattr(cache, "_PRUNE_EVERY", 1)
    for i in range(20):
        cache.store(cache.key(str(i)), b"x" * 20_000)
    assert 1 <= len(entries(folder)) <= 5


def test_an_unwritable_folder_warns_once_and_works(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv(cache.DIRECTORY, str(blocked / "cache"))
    with pytest.warns(RuntimeWarning, match="can't be written"):
        entry = cache.store(cache.key("a"), b"code")
    assert entry.object_code == b"code"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.store(cache.key("a"), b"code")
        assert cache.load(cache.key("a")) is None


def test_a_folder_that_others_can_write_is_not_used(folder):
    cache.store(cache.key("a"), b"code")
    folder.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="others can write"):
        assert cache.load(cache.key("a")) is None


def test_a_failed_write_leaves_nothing(folder, monkeypatch):
    folder.mkdir(mode=0o700)

    def broken(*args):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.warns(RuntimeWarning, match="no space"):
        cache.store(cache.key("a"), b"code")
    assert list(folder.iterdir()) == []


def test_metadata_has_to_be_json(folder):
    with pytest.raises(TypeError):
        cache.store(cache.key("a"), b"code", {"x": object()})
    assert not folder.exists() or list(folder.iterdir()) == []
    assert json.loads(json.dumps(cache.store(cache.key("a"), b"", {"x": [1]}).metadata)) == {"x": [1]}


def test_processes_at_the_same_time(folder):
    script = """
import ctypes
from dialectad.runtime import cache
for i in range(5):
    library = cache.library("define i64 @f() { ret i64 " + str(i) + " }")
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(library.address("f"))() == i
"""
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    deadline = time.monotonic() + 60
    assert [p.wait(deadline - time.monotonic()) for p in processes] == [0, 0]
    assert len(entries(folder)) == 5
    assert not list(folder.glob("*.tmp"))
