"""Both sides of each comparison, each a fresh process behind the same pin, and what it tells of itself."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotejo.affinity import pin_command
from cotejo.child import child_environment
from cotejo.code import SCRIPTS
from cotejo.command import OFFLINE
from cotejo.files import read_json, write_json
from cotejo.tasks import task

HERE = Path(__file__).parent
PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Finished:
    """What a process printed, and the CPU seconds it took, user and system."""

    output: str
    cpu_s: float


@dataclass(frozen=True)
class Bench:
    """Where everything lies, which CPUs every process is pinned to, and how long each one measures."""

    folder: Path
    cpus: tuple[int, ...]
    warmup_s: float
    duration_s: float

    @property
    def threads(self) -> int:
        return len(self.cpus)

    def run(self, *command: str | Path) -> Finished:
        """Run a pinned command to its end; its output is shown where it fails."""
        before = os.times()
        done = subprocess.run(
            [*pin_command(self.cpus), *map(str, command)],
            env=child_environment(self.threads, SCRIPTS, os.environ | OFFLINE),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        after = os.times()
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
        return Finished(done.stdout, cpu_s)

    def worker(self, model: str, export: str, dataset: str, **settings: Any) -> dict[str, Any]:
        """A run by Cotejo's own measured process: {"metrics": {level: {name: value}}, "peak_rss_mib"}."""
        import pandas as pd

        run = {
            "device": "cpu",
            "precision": "fp32",
            "compute_precision": "f32",
            "warmup_s": self.warmup_s,
            "duration_s": self.duration_s,
            "stop_width": None,
            "seed": 0,
            **task(settings["task"]).OPTIONS,
            **settings,
        }
        output = self.folder / "output"
        output.mkdir(exist_ok=True)
        job = {
            "run": run,
            "artefact": str(self.folder / export),
            "model_folder": str(self.folder / model),
            "dataset_folder": str(self.folder / dataset),
            "threads": self.threads,
            "output": str(output),
        }
        write_json(output / "job.json", job)
        self.run(PYTHON, "-m", "cotejo.worker", "--job", output / "job.json")
        report = read_json(output / "worker.json")
        if report["status"] != "ok":
            raise RuntimeError(report["message"])
        samples = pd.read_csv(output / "samples.csv")
        return {
            "metrics": {
                level["level"]: {
                    metric.name: metric.value
                    for metric in task(run["task"]).metrics(samples[samples["level"] == level["level"]], level, run)
                }
                for level in report["levels"]
            },
            "peak_rss_mib": report["peak_rss_mib"],
        }

    def benchmark_app(self, model: Path, *options: str) -> Finished:
        """OpenVINO's own benchmark at its default, the throughput hint: asynchronous, in the streams it likes."""
        app = PYTHON.with_name("benchmark_app")
        return self.run(app, "-m", model, "-d", "CPU", "-hint", "throughput", "-infer_precision", "f32", *options)


def throughput_fps(benchmark_app: Finished, threads: int) -> float:
    """The frames per second that benchmark_app printed; ValueError if it ran on another number of threads."""
    found = {
        name: re.search(pattern, benchmark_app.output)
        for name, pattern in (("rate", r"Throughput:\s+([\d.]+) FPS"), ("threads", r"INFERENCE_NUM_THREADS: (\d+)"))
    }
    if not found["rate"] or not found["threads"] or int(found["threads"][1]) != threads:
        raise ValueError(f"benchmark_app did not run on {threads} threads:\n{benchmark_app.output[-2000:]}")
    return float(found["rate"][1])


def inference_cpu_s(bench: Bench, model: Path, few: int = 20, many: int = 220) -> float:
    """CPU seconds of one inference: what benchmark_app needs more for many than for few, so without its start."""
    short, long = (bench.benchmark_app(model, "-niter", str(count)) for count in (few, many))
    return (long.cpu_s - short.cpu_s) / (many - few)


def decode_cpu_s(bench: Bench, film: Path, frames: int, times: int = 4) -> float:
    """CPU seconds that ffmpeg takes to decode one frame and do nothing with it."""
    done = bench.run(
        "ffmpeg", "-v", "error", "-threads", str(bench.threads), "-stream_loop", str(times - 1), "-i", film,
        "-f", "null", "-",
    )  # fmt: skip
    return done.cpu_s / (frames * times)


def raw_pictures(bench: Bench, film: Path, frames: int, pictures: Path) -> Path:
    """A film's first frames as raw YUV in a file."""
    bench.run(
        "ffmpeg", "-v", "error", "-y", "-i", film, "-frames:v", str(frames), "-f", "rawvideo", "-pix_fmt", "yuv420p",
        pictures,
    )  # fmt: skip
    return pictures


def encode_cpu_s(bench: Bench, pictures: Path, size: str, frames: int, codec: str, options: list[str]) -> float:
    """CPU seconds that ffmpeg takes to encode one frame that lies ready as raw YUV."""
    done = bench.run(
        "ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-r", "25", "-i", pictures,
        "-c:v", codec, *options, "-threads", str(bench.threads), bench.folder / "encoded.mkv",
    )  # fmt: skip
    return done.cpu_s / frames


def bare_predict(bench: Bench, model: Path, film: Path, confidence: float, warmup_frames: int) -> dict[str, Any]:
    """`ultralytics predict`: {"frames_per_s", "file"}."""
    done = bench.run(
        PYTHON, HERE / "bare_predict.py", "--model", model, "--film", film, "--confidence", str(confidence),
        "--warmup-frames", str(warmup_frames), "--output", bench.folder / "output",
    )  # fmt: skip
    return _last_json(done)


def bare_llama(bench: Bench, export: Path, prompt: str, new_tokens: int) -> dict[str, Any]:
    """The bare generate() loop: {"tokens_per_s", "peak_rss_mib"}."""
    done = bench.run(
        PYTHON, HERE / "bare_llama.py", "--export", export, "--prompt", prompt, "--new-tokens", str(new_tokens),
        "--warmup-s", str(bench.warmup_s), "--duration-s", str(bench.duration_s), "--threads", str(bench.threads),
    )  # fmt: skip
    return _last_json(done)


def _last_json(done: Finished) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    return found
