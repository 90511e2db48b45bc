"""System packages: what is missing, what is installed, and what is said to those who may not install."""

import os
from pathlib import Path

import install_system_packages
import pytest

from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.system_packages import SystemPackage, advice, install, missing, read_packages

NUMACTL = SystemPackage("numactl", "numactl", "numactl", "pinning", "taskset pins")
SOUNDS = SystemPackage("alsa-utils", "/usr/share/sounds/*/Front.wav", "-", "the data set 'speech'", "use other audio")
VENV = SystemPackage("python3-venv", "uv /usr/lib*/python3*/ensurepip", "uv", "fetching uv", "install uv yourself")
ALL = [NUMACTL, SOUNDS, VENV]
PREFIX = Path("resources/environments/system")


def command(folder: Path, name: str, body: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)
    return folder


def test_shipped_list_names_a_proof_and_a_consequence_for_each() -> None:
    packages = read_packages(ROOT / "envs" / "apt.txt")
    assert {"numactl", "alsa-utils", "espeak-ng"} <= {package.name for package in packages}
    assert all(package.proof and package.conda and package.purpose and package.without for package in packages)


def test_line_with_other_columns_is_named(tmp_path: Path) -> None:
    (tmp_path / "apt.txt").write_text("# comment\n\nnumactl | numactl\n")
    with pytest.raises(CotejoError, match=r"apt\.txt: numactl: has 2 columns\. Give it 5"):
        read_packages(tmp_path / "apt.txt")


def test_commands_files_and_alternatives_are_proofs(tmp_path: Path) -> None:
    assert missing(ALL, str(tmp_path / "bin"), tmp_path) == ALL
    command(tmp_path / "bin", "uv")
    (tmp_path / "usr" / "share" / "sounds" / "alsa").mkdir(parents=True)
    (tmp_path / "usr" / "share" / "sounds" / "alsa" / "Front.wav").touch()
    assert missing(ALL, str(tmp_path / "bin"), tmp_path) == [NUMACTL]
    command(tmp_path / "other", "numactl")
    assert missing(ALL, f"{tmp_path}/bin:{tmp_path}/other", tmp_path) == []


def test_missing_packages_are_installed_with_one_command() -> None:
    calls: list[list[str]] = []
    assert install(ALL, lambda called: calls.append(called) or 0)
    assert len(calls) == 1
    assert calls[0][:4] == ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install"]
    assert "--yes" in calls[0] and calls[0][-3:] == ["numactl", "alsa-utils", "python3-venv"]


def test_lists_are_renewed_where_a_package_is_not_found() -> None:
    calls: list[str] = []
    answers = iter([100, 0, 0])

    def call(called: list[str]) -> int:
        calls.append("update" if "update" in called else "install")
        return next(answers)

    assert install([NUMACTL], call)
    assert calls == ["install", "update", "install"]
    assert not install([NUMACTL], lambda called: 100)


def test_debian_without_root_is_told_the_exact_commands() -> None:
    text = advice(ALL, True, PREFIX)
    assert "  numactl: pinning; without it: taskset pins\n" in text
    assert (
        "\n  apt-get update && apt-get install --yes --no-install-recommends numactl alsa-utils python3-venv\n" in text
    )
    assert f"\n  micromamba create --yes --prefix {PREFIX} --channel conda-forge numactl uv" in text


def test_other_systems_are_told_what_conda_forge_has_and_has_not() -> None:
    text = advice(ALL, False, PREFIX)
    assert "apt-get" not in text
    assert "conda-forge has no alsa-utils: ask the administrator" in text


@pytest.mark.parametrize(("user", "installs"), [(0, True), (1000, False)])
def test_only_root_installs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    user: int,
    installs: bool,
) -> None:
    tools, system = tmp_path / "tools", tmp_path / "conda" / "bin"
    command(tools, "env", 'shift; "$@"')
    command(tools, "apt-get", f'echo "$@" > {tmp_path}/called; echo > {system}/numactl; /bin/chmod +x {system}/numactl')
    system.mkdir(parents=True)
    (tmp_path / "apt.txt").write_text("numactl | numactl | numactl | pinning | taskset pins\n")
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    arguments = ["--packages", str(tmp_path / "apt.txt"), "--prefix", str(tmp_path / "conda")]
    monkeypatch.setattr("sys.argv", ["install_system_packages.py", *arguments])
    install_system_packages.main()
    said = capsys.readouterr().out
    assert (tmp_path / "called").exists() == installs
    assert said.startswith(
        "installing system packages: numactl\n" if installs else "Missing system packages:\n  numactl"
    )
    install_system_packages.main()
    assert capsys.readouterr().out == ("" if installs else said)
