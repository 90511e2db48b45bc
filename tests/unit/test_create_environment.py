"""The environment's commands, recorded by stand-ins for uv and nvidia-smi; and the shipped lock file."""

import ast
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import create_environment
import pytest
from create_environment import CPU_OVERRIDES, ENVS, OVERRIDES, STAMP, create, pinned

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.files import sha256_of
from cotejo.stacks import lock_files, lock_sha256

STACKS = sorted(path.stem for path in ENVS.glob("*.in"))

UV = """echo "$@" >> {calls}
case "$1" in
--version) echo 'uv 99.0.0' ;;
venv) for prefix; do :; done
    mkdir -p "$prefix/bin" "$prefix/lib/python3.11/site-packages"; touch "$prefix/bin/python" ;;
pip) {pip} ;;
esac"""


class Machine:
    """A PATH with a recording uv, perhaps an nvidia-smi, and a place for an environment."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.prefix = folder, folder / "venv"
        self.environment = {"PATH": f"{folder}:/usr/bin:/bin", "XDG_CACHE_HOME": str(folder / "cache")}
        self.program("uv", UV.format(calls=folder / "calls", pip=":"))

    def program(self, name: str, body: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.folder / name).chmod(0o755)

    def create(self, **settings: str) -> None:
        create("main", self.prefix, self.environment | settings)

    def calls(self) -> list[str]:
        """uv's command lines so far, without the questions for its version."""
        path = self.folder / "calls"
        return [line for line in path.read_text().splitlines() if line != "--version"] if path.is_file() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_driver_the_cpu_build_is_installed_with_both_overrides(machine: Machine) -> None:
    machine.create()
    venv, install = machine.calls()
    assert re.fullmatch(rf"venv --quiet --clear --no-project --python \S+ {machine.prefix}", venv)
    assert install == (
        f"pip install --python {machine.prefix}/bin/python --compile-bytecode --requirements {ENVS}/main.txt "
        f"--override {OVERRIDES} --override {CPU_OVERRIDES} --torch-backend cpu"
    )


def test_with_a_driver_uv_chooses_and_triton_is_not_left_out(machine: Machine) -> None:
    machine.program("nvidia-smi", "echo 535.161.08")
    machine.create()
    assert machine.calls()[-1].endswith(f"--override {OVERRIDES} --torch-backend auto")


def test_old_driver_stops_before_anything_is_made(machine: Machine) -> None:
    machine.program("nvidia-smi", "echo 470.82.01")
    with pytest.raises(CotejoError, match=r"470\.82\.01: older than 525\.60\.13"):
        machine.create()
    assert machine.calls() == [] and not machine.prefix.exists()


def test_wheel_in_a_folder_needs_no_index_of_pytorch(machine: Machine) -> None:
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    (machine.folder / f"torch-{pinned(ENVS / 'main.txt')['torch']}+cpu-{python}-{python}-linux_x86_64.whl").touch()
    machine.create(PIP_FIND_LINKS=str(machine.folder))
    assert "--torch-backend" not in machine.calls()[-1]
    assert str(CPU_OVERRIDES) in machine.calls()[-1]


def test_second_call_asks_nobody_and_is_quick(machine: Machine) -> None:
    machine.create()
    before = machine.calls()
    machine.program("nvidia-smi", "sleep 60")
    started = time.monotonic()
    machine.create()
    assert time.monotonic() - started < 0.2
    assert machine.calls() == before


@pytest.mark.parametrize("change", ["asked", "lock", "python", "place", "stamp"])
def test_what_differs_is_made_anew(machine: Machine, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    machine.create()
    settings = {}
    if change == "asked":
        settings = {"UV_TORCH_BACKEND": "cu126"}
    elif change == "lock":
        changed = machine.folder / "envs"
        changed.mkdir()
        (changed / "main.in").touch()
        (changed / "main.txt").write_text((ENVS / "main.txt").read_text() + "\nanother==1.0\n")
        monkeypatch.setattr(create_environment, "ENVS", changed)
        monkeypatch.setattr(create_environment, "ROOT", machine.folder)
    elif change == "python":
        (machine.prefix / "bin" / "python").unlink()
    elif change == "place":
        machine.prefix = machine.prefix.rename(machine.folder / "moved")
    else:
        (machine.prefix / STAMP).unlink()
    machine.create(**settings)
    assert len(machine.calls()) == 4
    assert ("--torch-backend cu126" in machine.calls()[-1]) == (change == "asked")
    machine.create()
    assert len(machine.calls()) == 4, "the choice that was made stays"


def test_failed_installation_names_remedies_and_is_begun_again(machine: Machine) -> None:
    machine.program("uv", UV.format(calls=machine.folder / "calls", pip="exit 2"))
    with pytest.raises(CotejoError) as caught:
        machine.create()
    for remedy in (
        "UV_DEFAULT_INDEX",
        "UV_FIND_LINKS and set UV_OFFLINE=1",
        "3.5 GiB",
        "Then run the same command again",
    ):
        assert remedy in str(caught.value)
    assert not (machine.prefix / STAMP).exists()
    machine.program("uv", UV.format(calls=machine.folder / "calls", pip=":"))
    machine.create()
    assert "venv" in machine.calls()[2] and (machine.prefix / STAMP).is_file()


@pytest.mark.parametrize(
    ("torch", "torchvision", "mended"),
    [("2.13.0+cpu", "0.28.0", True), ("2.13.0+cpu", "0.28.0+cpu", False), ("2.13.0", "0.28.0", False)],
)
def test_torchvision_is_mended_only_beside_another_build_of_torch(
    machine: Machine, torch: str, torchvision: str, mended: bool
) -> None:
    packages = machine.prefix / "lib" / "python3.11" / "site-packages"
    folders = f"{packages}/torch-{torch}.dist-info {packages}/torchvision-{torchvision}.dist-info"
    machine.program("uv", UV.format(calls=machine.folder / "calls", pip=f"mkdir -p {folders}"))
    machine.create()
    assert (packages / "torchvision_cpu.pth").is_file() == mended == (packages / "torchvision_cpu.py").is_file()


def test_unknown_environment_is_answered_with_those_there_are(machine: Machine) -> None:
    with pytest.raises(CotejoError, match=r"envs/mian\.txt: no such environment\. There are: .*main"):
        create("mian", machine.prefix, machine.environment)


def test_stamp_says_which_torch(machine: Machine) -> None:
    machine.create(UV_TORCH_BACKEND="cu129")
    assert json.loads((machine.prefix / STAMP).read_text())["torch"] == "cu129"


def test_environment_without_torch_asks_for_no_build_of_it_and_is_repaired(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    repaired: list[Path] = []
    monkeypatch.setattr("cotejo.repairs.triton.repair", repaired.append)
    machine.program("nvidia-smi", "echo 470.82.01")
    for backend in ("cu126", "cu126", "cpu"):
        create("triton", machine.prefix, machine.environment | {"UV_TORCH_BACKEND": backend})
    _, install = machine.calls()
    requirements = f"--compile-bytecode --requirements {ENVS}/triton.txt"
    assert install == f"pip install --python {machine.prefix}/bin/python {requirements}"
    assert repaired == [machine.prefix]


def test_what_an_environment_needs_on_each_machine_is_looked_for_each_time(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[bool] = []
    monkeypatch.setattr("cotejo.repairs.deepspeed.fit", lambda prefix: fitted.append((prefix / STAMP).is_file()))
    for _ in range(2):
        create("deepspeed", machine.prefix, machine.environment)
    assert len(machine.calls()) == 2  # one made and filled
    assert fitted == [True, True]  # where it fails, what is whole stays


def test_changed_repair_makes_the_environment_anew(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cotejo.repairs.triton.repair", lambda prefix: None)
    create("triton", machine.prefix, machine.environment)
    changed = machine.folder / "changed.py"
    changed.touch()
    monkeypatch.setattr(create_environment, "repair_files", lambda name: [changed])
    create("triton", machine.prefix, machine.environment)
    assert len(machine.calls()) == 4


@pytest.mark.parametrize(("driver", "lock"), [(None, "vllm-cpu"), ("580.65.06", "vllm")])
def test_environment_with_another_lock_file_for_cpus_takes_it_where_there_is_no_gpu(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, driver: str | None, lock: str
) -> None:
    repaired: list[Path] = []
    monkeypatch.setattr("cotejo.repairs.vllm_cpu.repair", repaired.append)
    if driver:
        machine.program("nvidia-smi", f"echo {driver}")
    for _ in range(2):
        create("vllm", machine.prefix, machine.environment)
    _, install = machine.calls()
    assert f"--requirements {ENVS}/{lock}.txt" in install
    assert (f"--override {ENVS}/overrides-vllm-cpu.txt" in install) == (lock == "vllm-cpu")
    assert repaired == ([machine.prefix] if lock == "vllm-cpu" else [])


def test_vllm_for_gpus_takes_the_torch_that_it_is_compiled_for_whatever_others_take(machine: Machine) -> None:
    create("vllm", machine.prefix, machine.environment | {"UV_TORCH_BACKEND": "cu129"})  # as on a login node
    assert f"--requirements {ENVS}/vllm.txt" in machine.calls()[-1]
    assert "--torch-backend" not in machine.calls()[-1]
    machine.program("nvidia-smi", "echo 535.161.08")
    create("vllm", machine.prefix, machine.environment | {"UV_TORCH_BACKEND": "auto"})
    assert "--torch-backend" not in machine.calls()[-1]


def test_first_lock_of_an_environment_without_torch_asks_for_no_build_of_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    envs = machine.folder / "envs"
    envs.mkdir()
    for name in ("main.in", "main.txt", "triton.in"):
        (envs / name).write_text((ENVS / name).read_text())
    monkeypatch.setattr(create_environment, "ENVS", envs)
    create_environment.resolve("triton", machine.environment, upgrade=False)
    (call,) = machine.calls()
    assert f"pip compile {envs}/triton.in --output-file" in call
    assert "--override" not in call and "--torch-backend" not in call
    assert (envs / "triton.txt").is_file()


@pytest.mark.parametrize("command", ["create_environment", "install_system_packages"])
def test_older_pythons_can_read_what_setup_runs_far_enough_to_refuse(command: str) -> None:
    tree = ast.parse((ROOT / "scripts" / f"{command}.py").read_text(), feature_version=(3, 6))
    first = next(node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
    assert isinstance(first, ast.Import) and first.names[0].name == "require_python"


def test_an_older_python_is_refused_in_one_line() -> None:
    source = (ROOT / "scripts" / "require_python.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    old = source.replace("sys.version_info < (3, 11)", "sys.version_info < (99, 0)")
    done = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True)
    assert done.returncode == 1 and "is too old: Cotejo needs 3.11 or newer. Install it" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", STACKS)
def test_lock_file_holds_exact_versions_and_nothing_of_a_machine(name: str) -> None:
    lines = (ENVS / f"{name}.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9A-Za-z.]*", line) for line in lines)
    assert list(pinned(ENVS / f"{name}.txt")) == sorted(pinned(ENVS / f"{name}.txt"))


@pytest.mark.parametrize("name", STACKS)
def test_lock_file_holds_what_is_asked_for(name: str) -> None:
    locked = pinned(ENVS / f"{name}.txt")
    asked = re.findall(r"^([A-Za-z0-9-]+)(?:==(\S+))?", (ENVS / f"{name}.in").read_text(), flags=re.MULTILINE)
    assert asked and all(locked.get(name.lower()) == (version or locked.get(name.lower())) for name, version in asked)
    assert {name.lower() for name, _ in asked} <= set(locked)


def test_lock_file_holds_nothing_that_is_left_out() -> None:
    locked = pinned(ENVS / "main.txt")
    left_out = re.findall(
        r"^([a-z-]+); sys_platform == \"never\"$", OVERRIDES.read_text() + CPU_OVERRIDES.read_text(), re.M
    )
    assert len(left_out) == 4 and not set(left_out) & set(locked)


def test_stamp_says_which_lock_file_it_was_made_from_also_of_an_older_environment(machine: Machine) -> None:
    machine.create()
    python = machine.prefix / "bin" / "python"
    assert lock_sha256(python) == sha256_of(ENVS / "main.txt")
    stamp = json.loads((machine.prefix / STAMP).read_text())
    before = machine.calls()
    (machine.prefix / STAMP).write_text(json.dumps({key: stamp[key] for key in ("identity", "torch")}))
    assert lock_sha256(python) is None
    machine.create()
    assert lock_sha256(python) == stamp["lock_sha256"] and machine.calls() == before


def test_interpreter_of_somebody_elses_has_no_lock_file_of_ours(tmp_path: Path) -> None:
    assert lock_sha256(tmp_path / "bin" / "python") is None


def test_both_lock_files_of_a_stack_count_where_there_are_two() -> None:
    assert [file.name for file in lock_files("vllm")] == ["vllm.txt", "vllm-cpu.txt"]
    assert [file.name for file in lock_files("triton")] == ["triton.txt"]
