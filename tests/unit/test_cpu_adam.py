"""When DeepSpeed's operator is compiled, and what is said where it can't be; the compiler is one in name alone."""

import json
from pathlib import Path

import pytest

from cotejo import cpu_adam, repairs
from cotejo.cpu_adam import compile_for, place, versions_of
from cotejo.errors import CotejoError

VERSIONS = {"deepspeed": "0.19.8", "torch": "2.13.0+cpu"}
ASKED = {
    "sources": ["/ds/a.cpp", "/ds/b.cpp"],
    "flags": ["-O3", "-march=native"],
    "includes": ["/ds"],
    "libraries": ["/t"],
}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """An environment with an interpreter that answers as DeepSpeed would, and a compiler that notes what it is told."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    packages = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    for name, version in VERSIONS.items():
        (packages / f"{name}-{version}.dist-info").mkdir(parents=True)
    program(tmp_path / "env" / "bin" / "python", f"echo 'a warning'; echo '{json.dumps(ASKED)}'")
    compiler(tmp_path, 'cat > told; while [ "$1" != -o ]; do echo "$1" >> told; shift; done; echo made > "$2"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def compiler(folder: Path, script: str) -> None:
    program(folder / "bin" / "c++", f'if [ "$1" = --version ]; then echo "c++ 12"; exit; fi\n{script}')


def test_it_is_compiled_once_from_deepspeeds_sources_by_deepspeeds_flags(machine, capsys):
    python = machine / "env" / "bin" / "python"
    made = compile_for(python)
    assert made == place(VERSIONS) and made.read_text() == "made\n"
    told = (machine / "told").read_text().splitlines()
    assert told[:2] == ['#include "/ds/a.cpp"', '#include "/ds/b.cpp"']
    assert {"-O3", "-march=native", "-I/ds", "-fPIC"} <= set(told)
    facts = json.loads(made.with_suffix(".json").read_text())
    assert (facts["compiler"], facts["flags"]) == ("c++ 12", ASKED["flags"])
    assert facts["compile_s"] > 0
    compiler(machine, "exit 1")
    assert compile_for(python) == made
    assert capsys.readouterr().out.count("compiling") == 1


def test_without_a_compiler_or_where_it_fails_one_line_says_so_and_nothing_is_left(machine, monkeypatch):
    python = machine / "env" / "bin" / "python"
    compiler(machine, "echo 'note: x' >&2; echo 'a.h:1: fatal error: no such file' >&2; exit 1")
    with pytest.raises(
        CotejoError, match=r"^c\+\+: can't compile .*: a.h:1: fatal error: no such file. Install .*GCC 10"
    ):
        compile_for(python)
    monkeypatch.setenv("CXX", "g++-99")
    with pytest.raises(CotejoError, match=r"^g\+\+-99: there is no such C\+\+ compiler.*or name yours in CXX"):
        compile_for(python)
    assert [path.name for path in place(VERSIONS).parent.iterdir()] == ["cpu_adam.lock"]


def test_one_that_does_not_compute_is_never_kept(machine):
    python = machine / "env" / "bin" / "python"
    program(
        python, f'case "$2" in *adam_update*) echo "AssertionError" >&2; exit 1;; esac; echo \'{json.dumps(ASKED)}\''
    )
    with pytest.raises(CotejoError, match="AssertionError"):
        compile_for(python)
    assert not place(VERSIONS).exists()


def test_its_place_tells_packages_and_cpu(machine, monkeypatch):
    assert versions_of(machine / "env" / "bin" / "python") == VERSIONS
    places = {place(VERSIONS), place(VERSIONS | {"torch": "2.13.0+cu129"}), place(VERSIONS | {"deepspeed": "0.20.0"})}
    monkeypatch.setattr(cpu_adam, "cpu_digest", lambda: "another")
    assert len({*places, place(VERSIONS)}) == 4


def test_the_environment_has_it_compiled_on_each_kind_of_machine(machine):
    repairs.repair("deepspeed", machine / "env")
    assert not place(VERSIONS).exists()
    repairs.fit("deepspeed", machine / "env")
    assert place(VERSIONS).exists()
    repairs.fit("main", machine / "env")  # which needs nothing of the kind
