"""What is measured: YOLOv8n-seg at full scale on a film of 720p, and a small Llama, both with made-up weights."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cotejo.command import ROOT
from cotejo.files import read_json, remove, write_json

YOLO, YOLO_EXPORT = "yolov8n-seg", "yolov8n-seg-openvino-fp32"
LLAMA, LLAMA_EXPORT = "tinyllama", "tinyllama-openvino-int8"
FILM, PROMPT = "street-video", "prompt"


@dataclass(frozen=True)
class Film:
    """The film, its size as ffmpeg writes it; and the one prompt."""

    file: Path
    size: str
    frames: int
    prompt: str

    @classmethod
    def of(cls, folder: Path) -> Self:
        (item,) = read_json(folder / FILM / "dataset.json")["items"]
        (prompt,) = read_json(folder / PROMPT / "dataset.json")["items"]
        return cls(
            file=folder / FILM / item["file"],
            size=f"{item['width']}x{item['height']}",
            frames=item["frames"],
            prompt=prompt["text"],
        )


def make(folder: Path) -> None:
    """Make what is missing, by Cotejo's own commands."""
    folder.mkdir(parents=True, exist_ok=True)
    _command(folder / YOLO, "synthesize_model", "--model", "yolov8n-seg", "--scale", "full")
    prepare_text(folder)
    for model, precision, export in ((YOLO, "fp32", YOLO_EXPORT), (LLAMA, "int8", LLAMA_EXPORT)):
        _command(folder / export, "export_openvino", "--model-folder", folder / model, "--precision", precision)
        if read_json(folder / export / "export.json")["status"] != "ok":
            raise RuntimeError(f"{folder / export}: {read_json(folder / export / 'export.json')['message']}")
    _command(folder / FILM, "prepare_dataset", "--dataset", "street-video")
    manifest = read_json(folder / "prompts" / "dataset.json")
    # One prompt, so that both loops do the same however many requests they get done.
    write_json(folder / PROMPT / "dataset.json", manifest | {"items": manifest["items"][:1]})


def prepare_text(folder: Path) -> None:
    """Make the small Llama and the prompts, where they are missing."""
    _command(folder / LLAMA, "synthesize_model", "--model", "tinyllama-1.1b-chat", "--scale", "small")
    _command(folder / "prompts", "prepare_dataset", "--dataset", "prompts")


def _command(output: Path, name: str, *options: str | Path) -> None:
    if not output.exists():
        print(f"making {output}", flush=True)
        subprocess.run([sys.executable, f"scripts/{name}.py", *options, "--output", output], cwd=ROOT, check=True)


@contextmanager
def yolo_for_ultralytics(folder: Path) -> Iterator[Path]:
    """The export under the name by which ultralytics knows what it is."""
    link = folder / "yolo_openvino_model"
    remove(link)
    link.symlink_to(YOLO_EXPORT)
    try:
        yield link
    finally:
        remove(link)
