"""A bench to measure the fake worker on: a run, the folders that it is measured from, and the command that does it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cotejo import affinity
from cotejo.code import SCRIPTS
from cotejo.files import sha256_of, sha256_of_folder, write_json
from cotejo.record import read

RUN: dict[str, Any] = {
    "id": "text_llama_prompts_openvino_int8_1c", "digest": "0123456789", "name": "text", "study": "demo",
    "system": "local", "task": "text-generation", "model": "llama", "architecture": "llama", "weights": "synthetic",
    "scale": "small", "model_digest": "aaaaaaaaaa", "dataset": "prompts", "dataset_digest": "bbbbbbbbbb",
    "backend": "openvino", "format": "openvino", "precision": "int8", "compute_precision": "f32", "device": "cpu",
    "cores": 1, "duration_s": 0.3, "warmup_s": 0.1, "stop_width": None, "timeout_s": 60, "seed": 0,
    "behave": "well",
}  # fmt: skip


class Bench:
    """Everything a repeat is measured from, and the command that measures it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "records" / "r1.json"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._make("model", "model.json", model="llama", weights="synthetic", scale="small", licence="apache-2.0",
                   parameters=10, source={"generator": "philox-uniform-1", "seed": 0})  # fmt: skip
        self._make("dataset", "dataset.json", dataset="prompts", kind="prompts", items=[{"file": "a"}])
        self._make("export", "export.json", status="ok", reason=None, message=None, format="openvino", precision="int8",
                   architecture="llama", model=sha256_of(folder / "model" / "model.json"), packages={})  # fmt: skip
        self.gate("ok", None, None)

    def _make(self, name: str, manifest: str, **content: Any) -> None:
        folder = self.folder / name
        folder.mkdir()
        (folder / "weights.bin").write_bytes(bytes(4096))
        write_json(folder / manifest, {**content, "files": sha256_of_folder(folder)})

    def gate(self, status: str, reason: str | None, message: str | None) -> None:
        """Write down what the parity gate found."""
        export = sha256_of(self.folder / "export" / "export.json")
        write_json(
            self.folder / "parity.json", {"status": status, "reason": reason, "message": message, "export": export}
        )

    def start(self, *prefix: str, told: dict[str, Any] | None = None, **changes: Any) -> subprocess.Popen[str]:
        """Start measuring a run with some settings changed, behind a prefix such as taskset."""
        arguments = {
            "run": RUN | changes, "folder": str(self.folder), "output": str(self.output),
            "lock": str(self.folder / "lock"), **(told or {}),
        }  # fmt: skip
        command = [*prefix, sys.executable, str(Path(__file__).with_name("measuring.py")), json.dumps(arguments)]
        environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "TMPDIR": str(self.temporary)}
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def measure(self, *prefix: str, told: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """The record of a repeat of a run with some settings changed."""
        process = self.start(*prefix, told=told, **changes)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        assert list(self.temporary.iterdir()) == []
        return read(self.output)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended, but was not waited for, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def pids_in(path: Path, starter: subprocess.Popen[str]) -> list[int]:
    """The processes that the fake worker says it started, once it has."""
    while not path.exists():
        assert starter.poll() is None, starter.communicate()[1]
        time.sleep(0.01)
    return json.loads(path.read_text())


def sampler_of(starter: "subprocess.Popen[str]") -> int:
    """The process number of the sampler beside a lingering measured process."""
    (found,) = (
        child
        for child in affinity.children_of(starter.pid)
        if b"cotejo.telemetry" in Path(f"/proc/{child}/cmdline").read_bytes()
    )
    return found


def await_end(pids: list[int], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, [pid for pid in pids if alive(pid)]
        time.sleep(0.01)
