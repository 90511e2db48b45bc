"""What Triton's environment gets beyond its packages, in folders that look like them."""

import subprocess
import sys
from pathlib import Path

import pytest

from cotejo.errors import CotejoError
from cotejo.repairs import REPAIRS, repair, repair_files
from cotejo.repairs.triton import ASK, STUB, interpreter_library
from cotejo.repairs.triton import repair as repair_triton

VERSION = "{}.{}".format(*sys.version_info[:2])


@pytest.fixture
def environment(tmp_path):
    """An environment whose interpreter is a program that says where its library is."""
    prefix = tmp_path / "env"
    packages = prefix / "lib" / f"python{VERSION}" / "site-packages"
    stub = packages / "pytriton" / "tritonserver" / "python_backend_stubs" / VERSION / STUB
    for file in (
        stub,
        packages / "nvidia_pytriton.libs" / "libb64-98cb6333.so.0d",
        packages / "nvidia_pytriton.libs" / "libcudart-09529672.so.12.6.77",
        tmp_path / "base" / f"libpython{VERSION}.so.1.0",
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.name)
    (packages / "pytriton" / "tritonserver" / "backends" / "python").mkdir(parents=True)
    python = prefix / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f"""#!/bin/sh\necho '{{"version": "{VERSION}", "folders": ["{tmp_path}/base", null]}}'\n""")
    python.chmod(0o755)
    return prefix


def test_stub_and_libraries_come_to_their_places_again_and_again(environment):
    repair_triton(environment)
    repair_triton(environment)
    server = environment / "lib" / f"python{VERSION}" / "site-packages" / "pytriton" / "tritonserver"
    assert (server / "backends" / "python" / STUB).read_text() == STUB
    assert "dont_write_bytecode" in (server.parents[1] / "no_bytecode.pth").read_text()
    libraries = {path.name: path.read_text() for path in (environment / "lib").iterdir() if path.is_symlink()}
    assert libraries == {
        "libb64.so.0d": "libb64-98cb6333.so.0d",
        "libcudart.so.12": "libcudart-09529672.so.12.6.77",
        f"libpython{VERSION}.so.1.0": f"libpython{VERSION}.so.1.0",
    }


def test_library_beside_a_distributions_other_libraries_is_found(tmp_path):
    library = tmp_path / "usr" / "lib" / "x86_64-linux-gnu" / "libpython3.11.so.1.0"
    library.parent.mkdir(parents=True)
    library.touch()
    assert interpreter_library("3.11", [tmp_path / "nowhere", tmp_path / "usr" / "lib"]) == library


def test_python_without_shared_library_is_named_with_the_remedy(tmp_path):
    with pytest.raises(CotejoError, match=r"libpython3\.11\.so\.1\.0: .*apt-get install libpython3\.11"):
        interpreter_library("3.11", [tmp_path])


def test_interpreter_says_its_version_and_folders():
    said = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout
    assert f'"version": "{VERSION}"' in said


def test_every_repair_is_there_and_other_environments_have_none(tmp_path):
    assert all(file.is_file() for name in REPAIRS for file in repair_files(name))
    repair("main", tmp_path)
    assert repair_files("main") == [] and list(Path(tmp_path).iterdir()) == []
