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

from analysis_cost import analysis_costs
from analysis_cost import table as table_of_costs
from artefacts import FILM, LLAMA, LLAMA_EXPORT, PROMPT, YOLO, YOLO_EXPORT, Film, make, yolo_for_ultralytics
from page import Comparison, replace_between_marks, table
from sides import (
    Bench,
    bare_llama,
    bare_predict,
    decode_cpu_s,
    encode_cpu_s,
    inference_cpu_s,
    raw_pictures,
    throughput_fps,
)
from telemetry_cost import TURN_S, telemetry_cost

from cotejo.affinity import format_cpus, mask
from cotejo.command import ROOT
from cotejo.environment import machine_facts
from cotejo.tasks.video_segmentation import FILM as SEGMENTED

NEW_TOKENS = 64
NOTHING_FOUND = 1.0  # the confidence that nothing exceeds, so that both sides have nothing to draw
H264 = ["-preset", "veryfast"]
VIDEO = {"task": "video-segmentation", "architecture": "yolo", "backend": "openvino"}
TEXT = {"task": "text-generation", "architecture": "llama", "backend": "openvino", "new_tokens": NEW_TOKENS}
PACKAGES = ("openvino", "ultralytics", "optimum-intel", "transformers", "torch", "av", "numpy")

ANALYSIS = "A study of 1,000 records with 10,000 samples each, summarised and drawn once:"

Sides = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warmup-s", type=float, default=2)
    parser.add_argument("--duration-s", type=float, default=8, help="of each measurement")
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
    rows = [*comparisons(sides), *telemetry_cost(bench)]
    costs = table_of_costs(analysis_costs())
    command = shlex.join(["python", "tests/performance/run_benchmarks.py", *sys.argv[1:]])
    text = f"{table(rows)}\n\n{circumstances(command, bench, film, arguments.repeats, load)}\n\n{ANALYSIS}\n\n{costs}"
    replace_between_marks(arguments.page, text)
    print(f"{text}\n\nwritten to {arguments.page}")


def measure(bench: Bench, film: Film, forwards: bool, sides: Sides) -> None:
    """One repetition of everything."""
    model = bench.folder / YOLO_EXPORT / "model.xml"

    def rates(**settings: float | str) -> dict[str, float]:
        metrics = bench.worker(YOLO, YOLO_EXPORT, FILM, **VIDEO, **settings)["metrics"]
        return {level: values["frames_per_s"] for level, values in metrics.items()}

    def bound(pictures_of: Path) -> float:
        pictures = raw_pictures(bench, pictures_of, film.frames, bench.folder / "pictures.yuv")
        inference_s = inference_cpu_s(bench, model)
        decode_s = decode_cpu_s(bench, film.file, film.frames)
        encode_s = encode_cpu_s(bench, pictures, film.size, film.frames, "libx264", H264)
        return bench.threads / (inference_s + decode_s + encode_s)

    def video() -> None:
        found = rates(codec="libx264", confidence=NOTHING_FOUND)
        sides["inference"].append(found["inference"])
        sides["end to end, nothing drawn"].append(found["end-to-end"])

    def alone() -> None:
        done = bench.benchmark_app(model, "-t", str(int(bench.duration_s)))
        sides["benchmark_app"].append(throughput_fps(done, bench.threads))
        sides["bound, nothing drawn"].append(bound(film.file))

    def video_drawn() -> None:
        sides["end to end, drawn"].append(rates(codec="libx264")["end-to-end"])
        (bench.folder / "output" / SEGMENTED).rename(bench.folder / SEGMENTED)

    def alone_drawn() -> None:
        # Of this or, where the order is reversed, of the last repetition: the pictures are the same.
        sides["bound, drawn"].append(bound(bench.folder / SEGMENTED))

    def video_as_predict() -> None:
        found = rates(codec="mjpeg", compute_precision="device-default", confidence=NOTHING_FOUND)
        sides["end to end as predict"].append(found["end-to-end"])

    def predict() -> None:
        with yolo_for_ultralytics(bench.folder) as folder:
            found = bare_predict(bench, folder, film.file, confidence=NOTHING_FOUND, warmup_frames=50)
        sides["predict"].append(found["frames_per_s"])

    def text() -> None:
        report = bench.worker(LLAMA, LLAMA_EXPORT, PROMPT, **TEXT)
        sides["text"].append(report["metrics"]["single-stream"]["tokens_per_s"])
        sides["text memory"].append(report["peak_rss_mib"])

    def bare_text() -> None:
        report = bare_llama(bench, bench.folder / LLAMA_EXPORT, film.prompt, NEW_TOKENS)
        sides["bare text"].append(report["tokens_per_s"])
        sides["bare text memory"].append(report["peak_rss_mib"])

    for pair in ((video, alone), (video_drawn, alone_drawn), (video_as_predict, predict), (text, bare_text)):
        for side in pair if forwards else reversed(pair):
            side()


def comparisons(sides: Sides) -> list[Comparison]:
    def pair(
        what: str, ours: str, against: str, theirs: str, unit: str, target: float, most: bool = False
    ) -> Comparison:
        return Comparison(what, against, unit, sides[ours], sides[theirs], target, most)

    fps, video = "frames/s", "video end to end, H.264"
    return [
        pair("YOLOv8n-seg, inference alone", "inference", "`benchmark_app`", "benchmark_app", fps, 0.98),
        pair(f"{video}, nothing found", "end to end, nothing drawn", "its bound¹", "bound, nothing drawn", fps, 0.9),
        pair(f"{video}, masks drawn", "end to end, drawn", "its bound¹", "bound, drawn", fps, 0.9),
        pair(
            "video end to end, Motion JPEG, nothing found²",
            "end to end as predict",
            "`ultralytics predict`²",
            "predict",
            fps,
            1.0,
        ),
        pair("Llama, generated tokens", "text", "a bare loop³", "bare text", "tokens/s", 0.98),
        pair("peak memory of that process", "text memory", "the bare loop's", "bare text memory", "MiB", 1.05, True),
    ]


def circumstances(command: str, bench: Bench, film: Film, repeats: int, load: float) -> str:
    """Under which the table was measured."""
    machine = machine_facts()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"""`{command}` on {date.today().isoformat()}: {machine["cpu"]}, {machine["cores"]} cores, SMT
{"on" if machine["smt"] else "off"}, {machine["memory_mib"] / 1024:.0f} GiB; pinned to CPUs {format_cpus(bench.cpus)};
load average before it began {load:.2f}; {repeats} repetitions of {bench.duration_s:g} s; film of {film.frames} frames,
{film.size}. {versions}.

¹ Cores ÷ (CPU seconds per frame of `benchmark_app`'s inference + of ffmpeg decoding the film + of ffmpeg encoding the
same pictures, with their masks where these are drawn; each alone): preparing, finding and drawing cost nothing there,
and no core ever waits.
² Saving the film, both sides at the runtime's default precision, after 50 frames.
³ The same `generate()` call by optimum-intel, of {NEW_TOKENS} tokens, small scale, int8.
⁴ In one process, {TURN_S:g} s with the sampler and {TURN_S:g} s without, in turns. The target is the change that chance
makes: one standard deviation of the median latency between the turns without it."""
