"""A bench to measure the fake server on: a run, the folders that it is measured from, and the command that does it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import RUN, alive

from cotejo import affinity, ownership
from cotejo.code import SCRIPTS
from cotejo.files import sha256_of_folder, write_json
from cotejo.record import read
from cotejo.serving import prepared_files

SERVED: dict[str, Any] = {
    **RUN, "backend": "pytorch", "format": None, "precision": "fp32", "server": "transformers-serve",
    "client": "cotejo", "api": "openai-completions", "load": "closed", "concurrency": "1,2", "rate_rps": 5,
    "arrival": "constant", "client_cores": "rest", "limit_ttft_ms": None, "limit_tpot_ms": None,
    "limit_latency_ms": None, "shared_prefix_tokens": 0, "accelerators": 0, "split": None, "new_tokens": 4,
    "stream": True, "request_timeout_s": 1.5, "ready_timeout_s": 20, "duration_s": 0.5, "warmup_s": 0.1,
}  # fmt: skip


class ServingBench:
    """Everything a repeat of a server is measured from, and the command that measures it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "records" / "r1.json"
        self.pids = folder / "told" / "pids"
        self.pids.parent.mkdir()
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._make("model", "model.json", {"weights.bin": "0"}, model="llama", weights="synthetic", scale="small",
                   licence="apache-2.0", parameters=10, source={"generator": "philox-uniform-1"})  # fmt: skip
        self._make("dataset", "dataset.json", {"a.txt": "Hello", "b.txt": "World"}, dataset="prompts", kind="prompts",
                   items=[{"file": name, "text": name} for name in ("a.txt", "b.txt")])  # fmt: skip
        (folder / "prepared").mkdir()
        (folder / "prepared" / "fake.json").write_text("{}")
        self.launched("ok", None, None)

    def _make(self, name: str, manifest: str, files: dict[str, str], **content: Any) -> None:
        folder = self.folder / name
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text)
        write_json(folder / manifest, {**content, "files": sha256_of_folder(folder)})

    def launched(self, status: str, reason: str | None, message: str | None) -> None:
        """Write down how the server's launch went."""
        prepared = prepared_files(self.folder / "prepared")
        said = {"status": status, "reason": reason, "message": message, "run": RUN["digest"], "prepared": prepared,
                "version": "1.2.3"}  # fmt: skip
        write_json(self.folder / "launch.json", said)

    def command(self, *, told: dict[str, Any] | None = None, **changes: Any) -> tuple[list[str], dict[str, str]]:
        """The command that measures a run with some settings changed, and its environment."""
        run = {**SERVED, "behave": "well", "pids": str(self.pids), **changes}
        arguments = {
            "run": run, "folder": str(self.folder), "output": str(self.output), "lock": str(self.folder / "lock"),
            **(told or {}),
        }  # fmt: skip
        path = os.pathsep.join([str(SCRIPTS), str(Path(__file__).parent)])
        environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(self.temporary)}
        return [
            sys.executable,
            str(Path(__file__).with_name("measuring_server.py")),
            json.dumps(arguments),
        ], environment

    def start(self, *, told: dict[str, Any] | None = None, **changes: Any) -> subprocess.Popen[str]:
        """Start measuring a run with some settings changed."""
        command, environment = self.command(told=told, **changes)
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def finish(self, process: "subprocess.Popen[str]") -> dict[str, Any]:
        """The record, once the command has ended and left nothing behind."""
        _, self.said = process.communicate(timeout=90)
        assert process.returncode == 0, self.said
        assert list(self.temporary.iterdir()) == []
        self.prove_nothing_runs()
        return read(self.output)

    def measure(self, *, told: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """The record of a repeat of a run with some settings changed."""
        self.pids.unlink(missing_ok=True)
        return self.finish(self.start(told=told, **changes))

    def prove_nothing_runs(self) -> None:
        """No process of the server's is left, in whatever session or group."""
        for process in json.loads(self.pids.read_text()) if self.pids.exists() else []:
            assert not alive(process)
            assert not alive_in_group(process)


def client_of(process: subprocess.Popen) -> int:
    """The client's process, once it is there and has become its command."""
    while process.poll() is None:
        for child in affinity.children_of(process.pid):
            try:
                words = open(f"/proc/{child}/cmdline", "rb").read().split(b"\0")  # noqa: SIM115, PTH123
            except OSError:
                continue
            if ownership.part_of(child) == "client" and b"cotejo.clients.own_process" in words[:4]:
                return child
        time.sleep(0.005)
    raise AssertionError(process.communicate()[1])


def alive_in_group(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(words[2]) == group and words[0] not in "ZX":
                found.append(int(folder.name))
    return found
