"""Hold Cotejo's measured process against what it must not be slower than, and write docs/performance.md's table.

Both sides of a comparison run in turn in every repetition, in an order that alternates, each in a fresh process behind
the same pin. What is compared is their ratio, so that a machine's slow quarter of an hour concerns both.
"""

import argparse
import os
import shlex
import sys
from collections import defaultdict
from datetime import date
from importlib.metadata import version
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "scripts")]

from artefacts import FILM, LLAMA, LLAMA_EXPORT, PROMPT, YOLO, YOLO_EXPORT, Film, make, yolo_for_ultralytics
from page import Comparison, replace_between_marks, table
from sides import Bench, bare_llama, bare_predict, decode_cpu_s, encode_cpu_s, inference_cpu_s, throughput_fps

from cotejo.affinity import format_cpus, mask
from cotejo.command import ROOT, run
from cotejo.environment import machine_facts

NEW_TOKENS = 64
VIDEO = {"task": "video-segmentation", "architecture": "yolo", "backend": "openvino"}
TEXT = {"task": "text-generation", "architecture": "llama", "backend": "openvino", "new_tokens": NEW_TOKENS}
PACKAGES = ("openvino", "ultralytics", "optimum-intel", "transformers", "torch", "av", "numpy")

Sides = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warmup-s", type=float, default=2)
    parser.add_argument("--duration-s", type=float, default=10, help="of each measurement")
    parser.add_argument("--folder", type=Path, default=ROOT / "resources" / "benchmarks", help="models and exports")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    arguments = parser.parse_args()
    bench = Bench(arguments.folder, tuple(sorted(mask())), arguments.warmup_s, arguments.duration_s)
    make(bench.folder)
    film = Film.of(bench.folder)
    load = os.getloadavg()[0]
    sides: Sides = defaultdict(list)
    for repeat in range(arguments.repeats):
        print(f"repetition {repeat + 1} of {arguments.repeats}", flush=True)
        measure(bench, film, forwards=repeat % 2 == 0, sides=sides)
        print({name: round(values[-1], 3) for name, values in sides.items()}, flush=True)
    command = shlex.join(["python", "tests/performance/run_benchmarks.py", *sys.argv[1:]])
    text = f"{table(comparisons(sides))}\n\n{circumstances(command, bench, film, arguments.repeats, load)}"
    replace_between_marks(arguments.page, text)
    print(f"{text}\n\nwritten to {arguments.page}")


def measure(bench: Bench, film: Film, forwards: bool, sides: Sides) -> None:
    """One repetition of everything."""
    model = bench.folder / YOLO_EXPORT / "model.xml"
    seconds = str(int(bench.duration_s))

    def video() -> None:
        metrics = bench.worker(YOLO, YOLO_EXPORT, FILM, **VIDEO, codec="libx264")["metrics"]
        sides["inference"].append(metrics["inference"]["frames_per_s"])
        sides["end-to-end"].append(metrics["end-to-end"]["frames_per_s"])

    def benchmark_app() -> None:
        sides["benchmark_app"].append(throughput_fps(bench.benchmark_app(model, "-t", seconds), bench.threads))
        inference_s = inference_cpu_s(bench, model)
        decode_s = decode_cpu_s(bench, film.file, film.frames)
        encode_s = encode_cpu_s(bench, film.pictures, film.size, film.frames, "libx264", ["-preset", "veryfast"])
        sides["bound"].append(bench.threads / (inference_s + decode_s + encode_s))

    def video_as_predict() -> None:
        settings = VIDEO | {"codec": "mjpeg", "compute_precision": "device-default"}
        metrics = bench.worker(YOLO, YOLO_EXPORT, FILM, **settings)["metrics"]
        sides["end-to-end as predict"].append(metrics["end-to-end"]["frames_per_s"])

    def predict() -> None:
        with yolo_for_ultralytics(bench.folder) as folder:
            sides["predict"].append(bare_predict(bench, folder, film.file, warmup_frames=50)["frames_per_s"])

    def text() -> None:
        report = bench.worker(LLAMA, LLAMA_EXPORT, PROMPT, **TEXT)
        sides["text"].append(report["metrics"]["single-stream"]["tokens_per_s"])
        sides["text memory"].append(report["peak_rss_mib"])

    def bare_text() -> None:
        report = bare_llama(bench, bench.folder / LLAMA_EXPORT, film.prompt, NEW_TOKENS)
        sides["bare text"].append(report["tokens_per_s"])
        sides["bare text memory"].append(report["peak_rss_mib"])

    for pair in ((video, benchmark_app), (video_as_predict, predict), (text, bare_text)):
        for side in pair if forwards else reversed(pair):
            side()


def comparisons(sides: Sides) -> list[Comparison]:
    fps, rate, memory = "frames/s", "tokens/s", "MiB"
    return [
        Comparison("YOLOv8n-seg, inference alone", "`benchmark_app`", fps, sides["inference"], sides["benchmark_app"], 0.98),
        Comparison("video, end to end, H.264", "the bound¹", fps, sides["end-to-end"], sides["bound"], 0.9),
        Comparison(
            "video, end to end, Motion JPEG", "`ultralytics predict`", fps,
            sides["end-to-end as predict"], sides["predict"], 1.0,
        ),
        Comparison("Llama, generated tokens", "a bare loop", rate, sides["text"], sides["bare text"], 0.98),
        Comparison(
            "memory of that process", "the bare loop's", memory, sides["text memory"], sides["bare text memory"],
            1.05, at_most=True,
        ),
    ]  # fmt: skip


def circumstances(command: str, bench: Bench, film: Film, repeats: int, load: float) -> str:
    """Under which the table was measured."""
    machine = machine_facts()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"`{command}` on {date.today().isoformat()}: {machine['cpu']}, pinned to CPUs {format_cpus(bench.cpus)} "
        f"({machine['cores']} cores, SMT {'on' if machine['smt'] else 'off'}), {machine['memory_mib'] / 1024:.0f} GiB; "
        f"load average before it began {load:.2f}; {repeats} repetitions; the film is {film.size}, {film.frames} frames. "
        f"{versions}.\n\n"
        "¹ cores ÷ (CPU seconds per frame of `benchmark_app`'s inference + of ffmpeg decoding + of ffmpeg encoding, each "
        "alone): nothing else costs anything, and no core ever waits."
    )


if __name__ == "__main__":
    run(main)
