"""llama.cpp's llama-server: the user's, or one that is built once for a kind of CPU into the user's cache folder."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cotejo.cache import alone, cache_folder
from cotejo.cpu_kind import cpu_digest
from cotejo.errors import CotejoError
from cotejo.files import remove, replacing
from cotejo.uv import base_python

# llama-cpp-python's source distribution carries the whole source of llama.cpp: a version and a checksum pin it.
VERSION = "0.3.36"
SDIST_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
TOOLS = {"cmake": "4.4.0", "ninja": "1.13.0"}  # from PyPI, where the machine has none
SOURCE = Path(f"llama_cpp_python-{VERSION}", "vendor", "llama.cpp")

# What is wrong with that source, as {file: (text, what replaces it)}. Since May 2025 llama.cpp puts CLIP's class token
# behind an image's patches, but takes positions and answers as if it lay before them, so that no image is seen as
# LLaVA-1.5 sees it: https://github.com/ggml-org/llama.cpp/pull/25844, whose one line this is.
PATCHES = {
    "tools/mtmd/models/llava.cpp": (
        "inp = ggml_concat(ctx0, inp, model.class_embedding, 1);",
        "inp = ggml_concat(ctx0, model.class_embedding, inp, 1);",
    )
}
PATCH = "pr25844"

# What servers/llama_cpp.py says to it: a program that lacks one of these is too old.
FLAGS = ("--mmproj", "--offline", "--metrics", "--no-webui", "--cache-ram", "--no-cache-prompt", "--threads-batch")

OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "OFF",
    "LLAMA_BUILD_SERVER": "ON",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",  # it would be downloaded
    "LLAMA_OPENSSL": "OFF",
    # What it says of itself; a source distribution has no git.
    "LLAMA_BUILD_COMMIT": f"llama-cpp-python-{VERSION}-{PATCH}",
}


def find_llama_server(cuda: bool, own: Path | None = None) -> Path:
    """The program that serves: the user's `own` of config, else one on PATH that is fit for it, else the one built.

    CotejoError where there is none, or where `own` is not fit.
    """
    if own is not None:
        reason = unfit(own, cuda)
        if reason:
            raise CotejoError(f"environments: llama.cpp: program: {own}: {reason}. Name another one")
        return own
    on_path = shutil.which("llama-server")
    passed_over = unfit(Path(on_path), cuda) if on_path else None
    if on_path and not passed_over:
        return Path(on_path)
    for portable in (False, True):
        if (built := program(portable, cuda)).is_file():
            return built
    passed = f"{on_path}: {passed_over}. " if passed_over else ""
    raise CotejoError(
        f"{passed}llama-server: none for this CPU in {cache_folder()}. "
        f"`make llama-server{' ARGS=--cuda' if cuda else ''}` builds it once"
    )


def unfit(path: Path, cuda: bool) -> str | None:
    """Why a llama-server can't serve; None where it can."""
    try:
        told = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=60)
        devices = subprocess.run([path, "--list-devices"], capture_output=True, text=True, timeout=60) if cuda else None
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it doesn't run ({error})"
    if told.returncode != 0:
        return f"it doesn't run: {' '.join(told.stderr.split())[-200:] or f'exit status {told.returncode}'}"
    known = set(told.stdout.replace(",", " ").split())
    missing = [flag for flag in FLAGS if flag not in known]
    if missing:
        return f"it is too old: it has no {missing[0]}"
    if devices and "CUDA" not in devices.stdout + devices.stderr:
        return "it sees no GPU"
    return None


def program(portable: bool, cuda: bool) -> Path:
    """Where the program that is built for this CPU lies, or would."""
    kind = "portable" if portable else cpu_digest()
    return cache_folder() / f"llama-server-{VERSION}-{PATCH}-{kind}{'-cuda' if cuda else ''}" / "bin" / "llama-server"


def build(portable: bool, cuda: bool, jobs: int) -> Path:
    """Build the program unless it is there, and give its path. CotejoError where a tool is missing or fails.

    It appears under its name only whole and proven to run. What an interrupted build has compiled is gone on from.
    """
    target = program(portable, cuda)
    for tool in ("cc", "c++", *(("nvcc",) if cuda else ())):
        if shutil.which(tool) is None:
            raise CotejoError(f"{tool}: not found. Install it (Debian, Ubuntu: apt-get install {PACKAGES[tool]})")
    work = target.parents[1].with_suffix(f"{target.parents[1].suffix}.build")
    work.mkdir(parents=True, exist_ok=True)
    with alone(work.with_suffix(".lock"), f"another process builds in {work}"):
        if not target.is_file():
            print(f"building {target}: about 15 minutes of one CPU", flush=True)
            tools = _tools(work / "tools")
            built = _compiled(_source(work, tools), work / "build", tools, portable, cuda, jobs)
            reason = unfit(built, cuda=False)  # it may be built where there is no GPU
            if reason:
                raise CotejoError(f"{built}: {reason}. Read above how it was built, delete {work} and run this again")
            with replacing(target) as temporary:
                shutil.copy2(built, temporary)
        remove(work)
    return target


PACKAGES = {"cc": "build-essential", "c++": "build-essential", "nvcc": "nvidia-cuda-toolkit"}


def _tools(folder: Path) -> dict[str, str]:
    """pip and, where the machine has none, cmake and ninja, in an environment of the build's own: {name: path}."""
    here = {name: path for name in TOOLS if (path := shutil.which(name))}
    if not folder.is_dir():
        with replacing(folder) as temporary:
            _run([base_python(), "-m", "venv", str(temporary)])
            wanted = [f"{name}=={version}" for name, version in TOOLS.items() if name not in here]
            if wanted:
                _run([str(temporary / "bin" / "python"), *PIP, "install", *wanted])
    return {name: here.get(name) or str(folder / "bin" / name) for name in TOOLS} | {
        "python": str(folder / "bin" / "python")
    }


PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def _source(work: Path, tools: Mapping[str, str]) -> Path:
    """The source of llama.cpp, of the pinned distribution, which pip verifies."""
    folder = work / "source"
    if not folder.is_dir():
        with replacing(folder) as temporary:
            temporary.mkdir()
            pin = temporary / "pin.txt"
            pin.write_text(f"llama-cpp-python=={VERSION} --hash=sha256:{SDIST_SHA256}\n", encoding="utf-8")
            fetch = [tools["python"], *PIP, "download", "--no-deps", "--no-binary", ":all:"]
            _run([*fetch, "--only-binary", BACKEND, "--dest", str(temporary), "--requirement", str(pin)])
            archive = next(temporary.glob("*.tar.gz"))
            shutil.unpack_archive(archive, temporary)
            archive.unlink()
            mend(temporary / SOURCE)
    return folder / SOURCE


def mend(source: Path) -> None:
    """Put right what is known to be wrong; CotejoError where the source is not the one that has it."""
    for name, (wrong, right) in PATCHES.items():
        text = (source / name).read_text(encoding="utf-8")
        if text.count(wrong) != 1:
            raise CotejoError(f"{source / name}: {wrong}: isn't there just once. Look whether {PATCH} is still needed")
        (source / name).write_text(text.replace(wrong, right), encoding="utf-8")


# What pip needs to read the name of a source distribution: as wheels, whatever else it may take.
BACKEND = "scikit-build-core,pathspec,packaging,cmake,ninja"


def _compiled(source: Path, folder: Path, tools: Mapping[str, str], portable: bool, cuda: bool, jobs: int) -> Path:
    """The program, as ninja leaves it in the build's folder."""
    options = OPTIONS | {"GGML_NATIVE": "OFF" if portable else "ON", "GGML_CUDA": "ON" if cuda else "OFF"}
    make = [f"-DCMAKE_MAKE_PROGRAM={tools['ninja']}", *(f"-D{name}={value}" for name, value in options.items())]
    _run([tools["cmake"], "-G", "Ninja", "-S", str(source), "-B", str(folder), *make])
    _run([tools["cmake"], "--build", str(folder), "--target", "llama-server", "--parallel", str(jobs)])
    return folder / "bin" / "llama-server"


def _run(command: list[str]) -> None:
    """Run a step of the build, its words left on the terminal; CotejoError where it fails."""
    if subprocess.run(command).returncode != 0:
        raise CotejoError(
            f"{' '.join(command)}: failed, see above. Once that is cured, the same command goes on where it stopped. "
            "Without network: put llama-cpp-python's source distribution, the wheels of scikit-build-core, pathspec "
            "and packaging into a folder, name it in PIP_FIND_LINKS and set PIP_NO_INDEX=1. Or install llama.cpp "
            "yourself, and put llama-server on PATH"
        )
