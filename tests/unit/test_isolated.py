"""What becomes of work in a process of its own, however it ends."""

import errno
import os
import signal
import tempfile
from pathlib import Path

import pytest

from cotejo.artefact import Failure
from cotejo.errors import CotejoError, DeviceMissing
from cotejo.isolated import _judged, isolated


def adds(a: int, b: int) -> tuple[int, int, str]:
    return a + b, os.getpid(), tempfile.gettempdir()


def raises(error: BaseException) -> None:
    raise error


def wraps_lack_of_memory() -> None:
    try:
        raise MemoryError
    except MemoryError as error:
        raise RuntimeError("conversion failed") from error


def takes_too_much() -> None:
    bytearray(1 << 62)


def dies(number: int) -> None:
    os.kill(os.getpid(), number)


def leaves() -> None:
    os._exit(3)


def run(tmp_path: Path, function: object, *arguments: object) -> object:
    scratch = tmp_path / "scratch"
    try:
        return isolated(function, *arguments, scratch=scratch, reason="export")  # type: ignore[arg-type]
    finally:
        assert not scratch.exists()


def test_result_of_another_process(tmp_path: Path) -> None:
    total, pid, temporary = run(tmp_path, adds, 2, 3)  # type: ignore[misc]
    assert (total, temporary) == (5, str(tmp_path / "scratch"))
    assert pid != os.getpid()


@pytest.mark.parametrize(
    ("function", "arguments", "failure"),
    [
        (raises, (ValueError("first line\nunsupported operation\n"),), ("export", "ValueError: unsupported operation")),
        (raises, (DeviceMissing("no CUDA device here"),), ("device-missing", "no CUDA device here")),
        (raises, (RuntimeError("std::bad_alloc"),), ("out-of-memory", "RuntimeError: std::bad_alloc")),
        (takes_too_much, (), ("out-of-memory", "MemoryError")),
        (wraps_lack_of_memory, (), ("out-of-memory", "RuntimeError: conversion failed")),
        (dies, (signal.SIGKILL,), ("out-of-memory", "killed by SIGKILL, as the kernel does where memory runs out")),
        (dies, (signal.SIGSEGV,), ("export", "the process ended by SIGSEGV")),
        (leaves, (), ("export", "the process ended with exit code 3")),
    ],
)
def test_what_goes_wrong_inside_is_a_failure(
    tmp_path: Path, function: object, arguments: tuple[object, ...], failure: tuple[str, str]
) -> None:
    assert run(tmp_path, function, *arguments) == Failure(*failure)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (CotejoError("config.json: no such file"), "config.json: no such file"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (ModuleNotFoundError("No module named 'nncf'"), "'nncf': the environment is not whole. Run `make setup`"),
    ],
)
def test_what_the_machine_lacks_is_no_failure_of_the_export(tmp_path: Path, error: Exception, message: str) -> None:
    with pytest.raises(CotejoError, match=message):
        run(tmp_path, raises, error)


def test_full_disk_that_the_library_does_not_name(tmp_path: Path) -> None:
    error = RuntimeError("basic_ios::clear: iostream error")
    assert isinstance(_judged(error, 0, tmp_path / "scratch", "export"), CotejoError)
    assert _judged(error, 1 << 30, tmp_path / "scratch", "export") == Failure("export", f"RuntimeError: {error}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_interrupted_work_is_no_result(tmp_path: Path, number: int) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path, dies, number)
    assert stopped.value.code == 128 + number
