"""The real uv makes an environment from small wheels that are made here, without a network."""

import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import create_environment
import pytest
from create_environment import STAMP, create, resolve

pytestmark = pytest.mark.beside

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"


def wheel(folder: Path, name: str, version: str, tag: str = "py3-none-any", requires: tuple[str, ...] = ()) -> None:
    """A wheel with one module that says its version."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    requirements = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requirements}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    digests = {path: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()) for path, text in files.items()}
    record = "".join(
        f"{path},sha256={digest.decode().rstrip('=')},{len(files[path])}\n" for path, digest in digests.items()
    )
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        for path, text in [*files.items(), (f"{info}/RECORD", f"{record}{info}/RECORD,,\n")]:
            archive.writestr(path, text)


class Project:
    """An envs folder, a folder of wheels, and the environment that is made of them."""

    def __init__(self, folder: Path) -> None:
        self.envs, self.wheels, self.prefix = folder / "envs", folder / "wheels", folder / ".venv"
        self.envs.mkdir()
        uv = Path(sys.executable).parent
        self.environment = {
            "PATH": f"{uv}:/usr/bin:/bin",
            "HOME": str(folder),
            "UV_CACHE_DIR": str(folder / "cache"),
            "PIP_FIND_LINKS": str(self.wheels),
            "UV_OFFLINE": "1",
        }

    def lock(self, *lines: str) -> None:
        for ending in ("in", "txt"):
            (self.envs / f"main.{ending}").write_text("\n".join([*lines, "uv==0.0.1\n"]))

    def create(self) -> None:
        create("main", self.prefix, self.environment)

    def packages(self) -> set[str]:
        return {path.name for path in self.prefix.glob("lib/python*/site-packages/*.dist-info")}

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(self.prefix / "bin" / "python"), "-c", code], capture_output=True, text=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    for name in ("overrides.txt", "overrides-cpu.txt", "torchvision_cpu.py"):
        shutil.copyfile(create_environment.ENVS / name, made.envs / name)
    monkeypatch.setattr(create_environment, "ENVS", made.envs)
    monkeypatch.setattr(create_environment, "ROOT", tmp_path)
    wheel(made.wheels, "uv", "0.0.1")
    wheel(made.wheels, "torch", "2.13.0+cpu", f"{TAG}-{TAG}-linux_x86_64")
    wheel(made.wheels, "torchvision", "0.28.0")
    wheel(made.wheels, "whisperer", "1.0", requires=("triton>=3",))
    wheel(made.wheels, "older", "1.0")
    wheel(made.wheels, "newer", "2.0")
    return made


def test_environment_is_made_from_wheels_offline_with_the_right_torch(project: Project) -> None:
    project.lock("older==1.0", "torch==2.13.0", "torchvision==0.28.0", "whisperer==1.0")
    project.create()
    # Without the CPU overrides uv would have failed on whisperer's triton.
    assert {"torch-2.13.0+cpu.dist-info", "whisperer-1.0.dist-info"} <= project.packages()
    done = project.python("import older, sys; print(older.VERSION, 'torchvision_cpu' in sys.modules)")
    assert done.stdout == "1.0 True\n", done.stderr
    assert list(project.prefix.glob("lib/python*/site-packages/older/__pycache__/*.pyc")), "bytecode is compiled"


def test_changed_lock_file_leaves_nothing_old_behind(project: Project) -> None:
    project.lock("older==1.0")
    project.create()
    project.lock("newer==2.0")
    project.create()
    assert "newer-2.0.dist-info" in project.packages() and "older-1.0.dist-info" not in project.packages()


def test_interrupted_installation_is_repaired(project: Project) -> None:
    project.lock("older==1.0")
    project.create()
    (project.prefix / STAMP).unlink()
    module = next(project.prefix.glob("lib/python*/site-packages/older/__init__.py"))
    module.unlink()  # it shares its bytes with uv's cache
    module.write_text("broken(")
    project.create()
    assert project.python("import older; print(older.VERSION)").stdout == "1.0\n"


def test_missing_wheel_is_an_error_with_remedies_and_no_stamp(project: Project) -> None:
    project.lock("nowhere==1.0")
    with pytest.raises(create_environment.CotejoError, match="UV_FIND_LINKS and set UV_OFFLINE=1"):
        project.create()
    assert not (project.prefix / STAMP).exists()


def test_lock_file_pins_no_build_of_torch_and_keeps_what_fits(project: Project) -> None:
    wheel(project.wheels, "torch", "2.13.0", f"{TAG}-{TAG}-linux_x86_64", requires=("nvidia-cublas",))
    wheel(project.wheels, "older", "1.1")
    project.lock("older==1.0", "torch==2.13.0")
    (project.envs / "main.in").write_text("older\ntorch==2.13.0\nuv\n")
    resolve("main", project.environment, upgrade=False)
    assert (project.envs / "main.txt").read_text() == "older==1.0\ntorch==2.13.0\nuv==0.0.1\n"
    resolve("main", project.environment, upgrade=True)
    assert (project.envs / "main.txt").read_text() == "older==1.1\ntorch==2.13.0\nuv==0.0.1\n"
    (project.envs / "main.in").write_text("nowhere\ntorch==2.13.0\nuv\n")
    with pytest.raises(create_environment.CotejoError, match=r"main\.in: uv can't resolve it"):
        resolve("main", project.environment, upgrade=False)
    assert (project.envs / "main.txt").read_text() == "older==1.1\ntorch==2.13.0\nuv==0.0.1\n"
