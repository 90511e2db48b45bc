"""Create the Python environment that envs/<name>.txt pins, or find it there. Needs Python 3.11 and no package."""

import require_python  # noqa: F401, I001  (before what an older Python can't read)

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo.command import ROOT, run
from cotejo.errors import CotejoError
from cotejo.files import digest, read_json, replacing, sha256_of, write_json
from cotejo.repairs import fit, repair, repair_files
from cotejo.stacks import STAMP, pinned
from cotejo.torch_build import WHEEL, TorchBuild, choose, find_links, wheel_of
from cotejo.uv import base_python, find_uv, uv_environment

ENVS = ROOT / "envs"
OVERRIDES, CPU_OVERRIDES = ENVS / "overrides.txt", ENVS / "overrides-cpu.txt"
SHIM = ENVS / "torchvision_cpu.py"
NEEDED_GIB = {False: 3.5, True: 10.0}  # on disk, without and with CUDA
NEEDED_GIB_WITHOUT_TORCH = {"onnxruntime-gpu": 3.0, "tensorrt": 7.0}  # by the folder's name; others are small
NEEDED_GIB_OF_OTHERS = 0.5
COMPILED_FOR_PYPI = ("vllm",)  # their CUDA code runs with PyPI's own build of torch alone


def create(name: str, prefix: Path, environment: Mapping[str, str]) -> None:
    """Make the environment anew, unless it is whole and as its lock file wants it. CotejoError where that fails.

    The stamp is written last: an installation that was interrupted is begun again from nothing.
    """
    stamp = read_json(prefix / STAMP) if (prefix / STAMP).is_file() else {}
    lock = lock_for(name, environment, stamp.get("torch"))
    wanted = identity(lock, prefix)
    pins = pinned(lock)
    asked = (environment.get("UV_TORCH_BACKEND") or stamp.get("torch")) if "torch" in pins else None
    from_lock = {"lock": lock.name, "lock_sha256": sha256_of(lock)}  # which records repeat
    if stamp.get("identity") == wanted and stamp.get("torch") == asked and (prefix / "bin" / "python").exists():
        if not from_lock.items() <= stamp.items():
            write_json(prefix / STAMP, stamp | from_lock)
        fit(lock.stem, prefix)
        return
    build = choose(pins["torch"], environment, stamp.get("torch")) if "torch" in pins else None
    print(f"creating {prefix} from {lock.relative_to(ROOT)}: some minutes the first time", flush=True)
    if build is not None and build.reason:
        print(f"torch {pins['torch']}: {build.backend}, as {build.reason}", flush=True)
    uv = find_uv(pinned(lock_file("main"))["uv"], environment)
    for command in install_commands(uv, lock, prefix, build):
        if subprocess.run(command, env=uv_environment(environment), check=False).returncode != 0:
            raise CotejoError(failure(command, prefix, build))
    mend_torchvision(prefix)
    repair(lock.stem, prefix)
    write_json(prefix / STAMP, {"identity": wanted, "torch": build.backend if build is not None else None, **from_lock})
    fit(lock.stem, prefix)


def lock_file(name: str) -> Path:
    """The file that pins an environment's packages."""
    path = ENVS / f"{name}.txt"
    if not path.with_suffix(".in").is_file() or not path.is_file():
        names = ", ".join(sorted(file.stem for file in ENVS.glob("*.in")))
        raise CotejoError(f"envs/{name}.txt: no such environment. There are: {names}")
    return path


def lock_for(name: str, environment: Mapping[str, str], installed: str | None) -> Path:
    """The lock file of an environment here: beside a CPU build of torch envs/<name>-cpu.txt, if there is one.

    `installed` is the build that an earlier installation chose.
    """
    lock, without_gpu = lock_file(name), ENVS / f"{name}-cpu.txt"
    if without_gpu.is_file() and not choose(pinned(lock)["torch"], environment, installed).cuda:
        return without_gpu
    return lock


def overrides(lock: Path, cuda: bool) -> list[Path]:
    """The files that say what is left out of an environment, though something in it asks for it."""
    own = ENVS / f"overrides-{lock.stem}.txt"
    return [OVERRIDES, *([] if cuda else [CPU_OVERRIDES]), *([own] if own.is_file() else [])]


def identity(lock: Path, prefix: Path) -> str:
    """What an environment must agree with: its lock file, the overrides, its repair, the interpreter, its own place."""
    files = [sha256_of(path) for path in (lock, *overrides(lock, cuda=False), SHIM, *repair_files(lock.stem))]
    return digest([files, sys.version_info[:2], str(prefix.absolute())])


def install_commands(uv: Path, lock: Path, prefix: Path, build: TorchBuild | None) -> list[list[str]]:
    """uv's commands that make an empty environment and fill it; without a build, of packages that need no torch."""
    options = [] if build is None else torch_options(lock, build)
    return [
        [str(uv), "venv", "--quiet", "--clear", "--no-project", "--python", base_python(), str(prefix)],
        [
            *(str(uv), "pip", "install", "--python", str(prefix / "bin" / "python"), "--compile-bytecode"),
            *("--requirements", str(lock), *options),
        ],
    ]


def torch_options(lock: Path, build: TorchBuild) -> list[str]:
    """What tells uv which build of torch to install, and what not to install beside it."""
    left_out = [part for path in overrides(lock, build.cuda) for part in ("--override", str(path))]
    if build.backend == WHEEL or (build.cuda and set(COMPILED_FOR_PYPI) & set(pinned(lock))):
        return left_out
    return [*left_out, "--torch-backend", build.backend]


def failure(command: list[str], prefix: Path, build: TorchBuild | None) -> str:
    """What to say, and to do, where uv has failed; its own words stand above."""
    needed_gib = (
        NEEDED_GIB_WITHOUT_TORCH.get(prefix.name, NEEDED_GIB_OF_OTHERS) if build is None else NEEDED_GIB[build.cuda]
    )
    free_gib = shutil.disk_usage(prefix.absolute().parent).free / 2**30
    return (
        f"{' '.join(command)}: uv failed, see above. If the network is missing or slow: behind a proxy or an internal "
        "index, set HTTPS_PROXY, UV_DEFAULT_INDEX and SSL_CERT_FILE (PIP_INDEX_URL and PIP_CERT are understood); "
        "without any network, put the wheels into a folder, name it in UV_FIND_LINKS and set UV_OFFLINE=1. If the disk "
        f"is full: this needs about {needed_gib} GiB, and {free_gib:.1f} GiB are free. "
        "Then run the same command again"
    )


def mend_torchvision(prefix: Path) -> None:
    """Beside a torch of another build, let torchvision be imported without its operators: envs/README.md says why."""
    packages = next(prefix.glob("lib/python*/site-packages"))
    names = [path.name for name in ("torch", "torchvision") for path in packages.glob(f"{name}-*.dist-info")]
    builds = {name.partition("+")[2] for name in names}
    if len(builds) > 1:
        shutil.copyfile(SHIM, packages / SHIM.name)
        (packages / f"{SHIM.stem}.pth").write_text(f"import {SHIM.stem}\n", encoding="utf-8")


def resolve(name: str, environment: Mapping[str, str], upgrade: bool) -> None:
    """Resolve envs/<name>.in into envs/<name>.txt: exact versions, no index address, no build of torch.

    Pins are kept where they still fit, unless `upgrade`. The lock file stays as it was where uv fails.
    """
    source, lock = ENVS / f"{name}.in", ENVS / f"{name}.txt"
    uv = find_uv(pinned(lock_file("main"))["uv"], environment)
    pins = lock.read_text(encoding="utf-8") if lock.is_file() else ""
    torch = pinned(source).get("torch")
    with replacing(lock) as temporary:
        # Without torch's own pins: uv would hold on to the build without a local version, which is the CUDA one.
        temporary.write_text(re.sub(r"^torch.*\n", "", pins, flags=re.MULTILINE), encoding="utf-8")
        command: list[Any] = [uv, "pip", "compile", source, "--output-file", temporary]
        command += ["--quiet", "--no-emit-index-url", "--no-annotate", "--no-header", "--python-version", "3.11"]
        if torch is not None:
            command += [part for path in overrides(lock, cuda=False) for part in ("--override", path)]
            if wheel_of(torch, find_links(environment)) is None:
                command += ["--torch-backend", "cpu"]
        command += ["--upgrade"] if upgrade else []
        if subprocess.run(list(map(str, command)), env=uv_environment(environment), check=False).returncode != 0:
            raise CotejoError(f"{source}: uv can't resolve it, see above. Loosen what it names")
        resolved = temporary.read_text(encoding="utf-8")
        temporary.write_text(re.sub(r"\+[a-z0-9.]+$", "", resolved, flags=re.MULTILINE), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the environment: a file envs/<name>.txt")
    parser.add_argument("--prefix", type=Path, default=Path(".venv"), help="the folder to make it in")
    parser.add_argument("--lock", action="store_true", help="resolve envs/<name>.in into envs/<name>.txt instead")
    parser.add_argument("--upgrade", action="store_true", help="with --lock: move every package to its newest version")
    arguments = parser.parse_args()
    if arguments.lock:
        resolve(arguments.name, os.environ, arguments.upgrade)
    else:
        create(arguments.name, arguments.prefix, os.environ)


if __name__ == "__main__":
    run(main)
