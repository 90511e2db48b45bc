"""Hold Cotejo's load client against other people's, on one server and the same CPUs: a part of docs/performance.md.

Clients whose environments aren't there (`make env-aiperf`, `make env-guidellm`, `make env-vllm`) are left out, visibly.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

if __name__ == "__main__":
    folders = ("scripts", "tests/integration", "tests/performance")
    sys.path += [str(Path(__file__).resolve().parents[2] / folder) for folder in folders]

from artefacts import LLAMA, prepare_text
from loading import known_server
from page import Comparison, replace_between_marks, table

from cotejo.affinity import format_cpus, mask, pin_command
from cotejo.clients import client
from cotejo.clients.interface import ClientJob
from cotejo.command import OFFLINE, ROOT, run
from cotejo.environment import machine_facts
from cotejo.errors import CotejoError
from cotejo.load import LoadLevel
from cotejo.ports import free_ports
from cotejo.samples import Level
from cotejo.servers.interface import HOST, Endpoint
from cotejo.session import stack_environment

MARKS = ("<!-- clients: begin -->", "<!-- clients: end -->")
CONNECTIONS = 8
RATE_RPS = 500.0
ADDED_MS = 0.5  # that our client may add to wrk's mean

SLOW = {"median_s": 0.04, "tokens": 16, "pace_s": 0.02}
SLOW_RPS, SLOW_S = 5.0, 20.0
READERS = {"cotejo": "Cotejo", "vllm-bench": "`vllm bench serve`", "aiperf": "aiperf", "guidellm": "guidellm"}

ANSWER = json.dumps(
    {
        "object": "chat.completion",
        "choices": [{"message": {"role": "assistant", "content": "hello world"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    }
)
NGINX = """worker_processes 1; daemon off; pid nginx.pid; error_log stderr; events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {{ listen {host}:{port}; location / {{ default_type application/json; return 200 '{answer}'; }} }} }}
"""


class Row(NamedTuple):
    """What one client reads of the slow server, beside what the server knows: mean times to first tokens, in ms."""

    read_ms: float
    true_ms: float


@dataclass(frozen=True)
class Bench:
    """Which CPUs everything is pinned to, and where a model's tokenizer and its prompts lie."""

    cpus: frozenset[int]
    artefacts: Path
    warmup_s: float
    duration_s: float

    def measured(self, name: str, folder: Path, port: int, level: LoadLevel, **settings: Any) -> Level:
        """One level by a client of Cotejo's, on a server that listens on a port."""
        module = client(name)
        place = folder / f"{name}-{time.monotonic_ns()}"
        place.mkdir()
        settings = {"warmup_s": self.warmup_s, "duration_s": self.duration_s, "new_tokens": 16, **settings}
        run_of = {
            "seed": 1, "task": "text-generation", "server": None, "client": name, "shared_prefix_tokens": 0,
            "stop_width": None, **module.OPTIONS, **settings,
        }  # fmt: skip
        python = interpreter(name)
        job = ClientJob(
            run_of, level, Endpoint({"http": port}, "known"), "openai-chat", self.artefacts / "prompts",
            self.artefacts / LLAMA, place, python, len(self.cpus),
        )  # fmt: skip
        launch = module.command(job)
        begun_s = time.monotonic()
        environment = {**stack_environment(job.threads, python), **OFFLINE, **launch.environment}
        done = self.pinned([str(part) for part in launch.command], environment, place)
        return module.read(job, begun_s, done)

    def pinned(self, command: list[str], environment: dict[str, str], folder: Path) -> str:
        """What a command prints, which is run to its end."""
        done = subprocess.run(
            [*pin_command(self.cpus), *command],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{shlex.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done.stdout


def interpreter(name: str) -> Path:
    stack = client(name).STACK
    return Path(sys.executable) if stack is None else ROOT / "resources" / "environments" / stack / "bin" / "python"


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise CotejoError(f"{name}: not installed. Install it: apt-get install {package}")
    return found


@contextmanager
def nginx(bench: Bench, folder: Path) -> Iterator[int]:
    """nginx that answers everything at once with one fixed answer; its port."""
    port = free_ports(["http"])["http"]
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(host=HOST, port=port, answer=ANSWER), encoding="utf-8")
    command = [*pin_command(bench.cpus), program("nginx", "nginx-light"), "-p", str(folder), "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield port
        finally:
            process.terminate()


def wrk_mean_ms(bench: Bench, folder: Path, port: int) -> float:
    """The mean latency of wrk's requests, by Little's law: what it prints itself has imagined ones in it (its
    correction for coordinated omission), of which a closed loop has none."""
    command = [
        program("wrk", "wrk"),
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{bench.duration_s:g}s",
        f"http://{HOST}:{port}/v1/",
    ]
    rate = re.search(r"Requests/sec: +([\d.]+)", bench.pinned(command, dict(os.environ), folder))
    assert rate, command
    return 1000 * CONNECTIONS / float(rate[1])


def good(level: Level, first: str, last: str) -> np.ndarray:
    """The times between two instants of the requests that were answered, in milliseconds."""
    return np.array([sample[last] - sample[first] for sample in level.samples if sample["ok"]]) * 1000


def rate_rps(level: Level) -> float:
    return len(good(level, "sent_s", "done_s")) / level.duration_s


def against_others(bench: Bench, repeats: int) -> list[Comparison]:
    """Our client beside wrk and aiperf at nginx, and how late it is in an open loop."""
    closed = LoadLevel(f"concurrency-{CONNECTIONS}", "closed", concurrency=CONNECTIONS)
    opened = LoadLevel(f"rate-{RATE_RPS:g}", "open", rate_rps=RATE_RPS, arrival="poisson")
    sides: dict[str, list[float]] = {name: [] for name in ("wrk ms", "ours", "ours ms", "aiperf", "late ms")}
    with tempfile.TemporaryDirectory() as name, nginx(bench, Path(name)) as port:
        folder = Path(name)

        def ours() -> None:
            level = bench.measured("cotejo", folder, port, closed, stream=False)
            sides["ours"].append(rate_rps(level) / 1000)
            sides["ours ms"].append(float(good(level, "scheduled_s", "done_s").mean()))

        def theirs() -> None:
            sides["wrk ms"].append(wrk_mean_ms(bench, folder, port) + ADDED_MS)

        def aiperf() -> None:
            if interpreter("aiperf").exists():
                sides["aiperf"].append(0.001 * rate_rps(bench.measured("aiperf", folder, port, closed, stream=False)))

        def open_loop() -> None:
            level = bench.measured("cotejo", folder, port, opened, stream=False)
            sides["late ms"].append(float(np.percentile(good(level, "scheduled_s", "sent_s"), 99)))

        turns = [ours, theirs, aiperf, open_loop]
        for repeat in range(repeats):
            for turn in turns if repeat % 2 == 0 else reversed(turns):
                turn()
            print({name: round(values[-1], 3) for name, values in sides.items() if values}, flush=True)
    what, late = f"at {CONNECTIONS} connections", f"open loop at {RATE_RPS:g} requests/s: p99 of how late it sends"
    wrks = f"wrk's, and {ADDED_MS:g} ms"
    rows = [
        Comparison(f"mean latency {what}", wrks, "ms", sides["ours ms"], sides["wrk ms"], 1, at_most=True),
        Comparison(late, "a millisecond", "ms", sides["late ms"], [1.0] * repeats, 1, at_most=True),
    ]
    if sides["aiperf"]:
        rows.insert(0, Comparison(f"rate {what}", "aiperf", "thousand/s", sides["ours"], sides["aiperf"], 10))
    return rows


def of_a_slow_server(bench: Bench, name: str) -> Row:
    """What a client reads of streams at an easy rate."""
    level = LoadLevel(f"rate-{SLOW_RPS:g}", "open", rate_rps=SLOW_RPS, arrival="constant")
    with tempfile.TemporaryDirectory() as folder:
        with known_server(Path(folder), **SLOW) as server:
            found = bench.measured(name, Path(folder), server.port, level, duration_s=SLOW_S)
        true_s = server.truth[:, 1] - server.truth[:, 0]
    read_ms = good(found, "sent_s", "first_token_s").mean() if found.samples else found.reported["ttft_mean_ms"]
    return Row(float(read_ms), float(true_s.mean()) * 1000)


def slow_table(rows: dict[str, Row | None]) -> str:
    lines = ["| mean time to first token | read | the server's own | more by |", "|---|--:|--:|--:|"]
    for name, row in rows.items():
        if row is None:
            lines.append(f"| {READERS[name]} | its environment is not there | | |")
        else:
            more_ms = row.read_ms - row.true_ms
            lines.append(f"| {READERS[name]} | {row.read_ms:.1f} ms | {row.true_ms:.1f} ms | **{more_ms:.1f} ms** |")
    return "\n".join(lines)


def circumstances(bench: Bench, repeats: int, load: float) -> str:
    machine = machine_facts()
    command = shlex.join(["python", "tests/performance/client_load.py", *sys.argv[1:]])
    place = f"{machine['cpu']}, {machine['cores']} cores; servers and clients pinned to CPUs {format_cpus(bench.cpus)}"
    # Of a machine that can't be had alone: `chrt -f 10 make benchmark` lets all sides pass what else it does.
    raised = "" if os.sched_getscheduler(0) == os.SCHED_OTHER else ", which all sides passed by real-time priority"
    return f"""`{command}` on {date.today().isoformat()}: {place};
load average before it began {load:.2f}{raised}; {repeats} repetitions of {bench.duration_s:g} s.

A slow server, asked {SLOW_RPS:g} times a second for {SLOW_S:g} s, streams {SLOW["tokens"]} tokens: the first after
{SLOW["median_s"] * 1000:g} ms, then one each {SLOW["pace_s"] * 1000:g} ms. Times count from when a request was sent:"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warmup-s", type=float, default=1)
    parser.add_argument("--duration-s", type=float, default=5, help="of each measurement")
    parser.add_argument("--folder", type=Path, default=ROOT / "resources" / "benchmarks", help="models and prompts")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    prepare_text(arguments.folder)
    bench = Bench(frozenset(mask()), arguments.folder, arguments.warmup_s, arguments.duration_s)
    rows = against_others(bench, arguments.repeats)
    slow = {name: of_a_slow_server(bench, name) if interpreter(name).exists() else None for name in READERS}
    text = f"{table(rows)}\n\n{circumstances(bench, arguments.repeats, load)}\n\n{slow_table(slow)}"
    replace_between_marks(arguments.page, text, MARKS)
    print(f"{text}\n\nwritten to {arguments.page}")


if __name__ == "__main__":
    run(main)
