"""Which llama-server is taken, and for which CPU one is built; building it takes a quarter of an hour."""

from pathlib import Path

import pytest

from cotejo import llama_server
from cotejo.errors import CotejoError
from cotejo.llama_server import FLAGS, OPTIONS, PATCHES, cpu_digest, find_llama_server, mend, program, unfit

CPU = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: A CPU
stepping\t: 7
cpu MHz\t\t: 2500.0
flags\t\t: fpu sse2 avx2 fma pti
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any llama-server: nothing on PATH, nothing in the cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def put(path: Path, flags: tuple[str, ...] = FLAGS, devices: str = "") -> Path:
    """A program whose help names these flags, and that sees these devices."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"#!/bin/sh\ntest $1 = --list-devices && echo 'Devices: {devices}' || echo '-x, {', '.join(flags)} N'\n"
    )
    path.chmod(0o755)
    return path


def test_without_any_it_says_how_to_get_one(folder):
    with pytest.raises(CotejoError, match=r"none for this CPU in .*cotejo. `make llama-server` builds it once"):
        find_llama_server(cuda=False)
    with pytest.raises(CotejoError, match="`make llama-server ARGS=--cuda` builds"):
        find_llama_server(cuda=True)


def test_the_users_own_goes_before_the_one_built(folder):
    portable = put(program(portable=True, cuda=False))
    assert find_llama_server(cuda=False) == portable
    built = put(program(portable=False, cuda=False))
    assert find_llama_server(cuda=False) == built
    on_path = put(folder / "bin" / "llama-server")
    assert find_llama_server(cuda=False) == on_path
    named = put(folder / "mine" / "server")
    assert find_llama_server(cuda=False, own=named) == named


def test_one_for_gpus_is_another(folder):
    put(program(portable=False, cuda=False))
    put(folder / "bin" / "llama-server")
    with pytest.raises(CotejoError, match=r"llama-server: it sees no GPU. llama-server: none .*ARGS=--cuda"):
        find_llama_server(cuda=True)
    on_path = put(folder / "bin" / "llama-server", devices="CUDA0: A GPU")
    assert find_llama_server(cuda=True) == find_llama_server(cuda=False) == on_path


def test_one_that_is_too_old_or_broken_is_passed_over(folder):
    old = put(folder / "bin" / "llama-server", FLAGS[1:])
    assert unfit(old, cuda=False) == f"it is too old: it has no {FLAGS[0]}"
    with pytest.raises(CotejoError, match=rf"{old}: it is too old: it has no {FLAGS[0]}. llama-server: none"):
        find_llama_server(cuda=False)
    built = put(program(portable=False, cuda=False))
    assert find_llama_server(cuda=False) == built
    old.write_text("#!/bin/sh\necho 'libllama.so: no such file' >&2\nexit 127\n")
    assert unfit(old, cuda=False) == "it doesn't run: libllama.so: no such file"
    assert find_llama_server(cuda=False) == built


def test_one_that_is_named_must_serve(folder):
    old = put(folder / "mine" / "server", FLAGS[1:])
    with pytest.raises(CotejoError, match=rf"environments: llama.cpp: program: .*: it has no {FLAGS[0]}"):
        find_llama_server(cuda=False, own=old)
    with pytest.raises(CotejoError, match="it doesn't run"):
        find_llama_server(cuda=False, own=folder / "missing")


@pytest.mark.parametrize(
    ("old", "new", "another"),
    [
        ("avx2", "avx2 avx512f", True),
        ("A CPU", "B CPU", True),
        ("85", "106", True),
        ("pti", "pti ibrs", False),
        ("2500.0", "3100.0", False),
        ("stepping\t: 7", "stepping\t: 8", False),
    ],
)
def test_a_cpu_is_its_design_and_its_vector_instructions(tmp_path, old, new, another):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(CPU)
    second.write_text(CPU.replace(old, new))
    assert first.read_text() != second.read_text()
    assert (cpu_digest(first) != cpu_digest(second)) is another


def test_building_names_the_tool_that_is_missing(folder, monkeypatch):
    monkeypatch.setattr(llama_server.shutil, "which", lambda name, **_: None if name == "nvcc" else f"/usr/bin/{name}")
    with pytest.raises(CotejoError, match=r"nvcc: not found. Install it \(.*nvidia-cuda-toolkit\)"):
        llama_server.build(portable=False, cuda=True, jobs=1)


def test_half_a_build_is_no_program(folder, monkeypatch):
    """What fails leaves nothing under the program's name, and what it has made so far is gone on from."""
    target = program(portable=True, cuda=False)

    def compiled(source, work, *arguments):
        work.mkdir(parents=True, exist_ok=True)
        made = put(work / "bin" / "llama-server", () if not list(work.glob("done")) else FLAGS)
        (work / "done").touch()
        return made

    monkeypatch.setattr(llama_server, "_tools", lambda work: {})
    monkeypatch.setattr(llama_server, "_source", lambda work, tools: work)
    monkeypatch.setattr(llama_server, "_compiled", compiled)
    with pytest.raises(CotejoError, match=r"it is too old.*delete .*build and run this again"):
        llama_server.build(portable=True, cuda=False, jobs=1)
    assert not target.exists()
    assert llama_server.build(portable=True, cuda=False, jobs=1) == target
    assert find_llama_server(cuda=False) == target
    left = {path.name for path in target.parents[2].iterdir()}
    assert left == {target.parents[1].name, f"{target.parents[1].name}.lock"}


def test_the_source_is_mended_only_where_it_is_wrong(tmp_path):
    ((name, (wrong, right)),) = PATCHES.items()
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text(f"a\n{wrong}\nb\n")
    mend(tmp_path)
    assert file.read_text() == f"a\n{right}\nb\n"
    with pytest.raises(CotejoError, match="there just once"):
        mend(tmp_path)


def test_cmake_is_told_what_kind_of_program(folder, monkeypatch):
    told = []
    monkeypatch.setattr(llama_server, "_run", told.append)
    tools = {"cmake": "/bin/cmake", "ninja": "/bin/ninja"}
    llama_server._compiled(folder / "source", folder / "build", tools, portable=True, cuda=True, jobs=3)
    configure, make = told
    assert {"-DGGML_NATIVE=OFF", "-DGGML_CUDA=ON", "-DCMAKE_MAKE_PROGRAM=/bin/ninja"} <= set(configure)
    assert {f"-D{name}={value}" for name, value in OPTIONS.items()} <= set(configure)
    assert make[-4:] == ["--target", "llama-server", "--parallel", "3"]
