"""Studies of a few lines, loaded as those in config/studies are."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from cotejo.command import ROOT
from cotejo.study import Study, load_study

VIDEO = "- {name: video, model: yolov8n-seg, dataset: street-video, backend: openvino}"
TEXT = "- {name: text, model: tinyllama-1.1b-chat, dataset: prompts, backend: openvino, precision: int8, cores: all}"

CHAT = (
    "- {name: chat, model: tinyllama-1.1b-chat, dataset: prompts, server: transformers-serve, backend: pytorch, "
    "cores: all}"
)
SEEN = CHAT.replace("tinyllama-1.1b-chat", "llava-1.5-7b").replace("prompts", "photos")
BLIP = (
    "- {name: blip, model: blip-image-captioning-base, dataset: photos, server: triton, backend: onnxruntime, "
    "cores: all}"
)


def copy_config(folder: Path) -> Path:
    """A copy of the project's configuration, to write studies into."""
    shutil.copytree(ROOT / "config", folder / "config", ignore=shutil.ignore_patterns("schemas", "published"))
    return folder / "config"


def load(
    config: Path,
    runs: str,
    overlay: str = "",
    defaults: str = "{weights: synthetic, scale: small}",
    systems: Sequence[str] = ("local",),
) -> Study:
    text = f"title: Test\ndefaults: {defaults}\nruns:\n{runs}\nfigures: []\n"
    (config / "studies" / "test.yaml").write_text(text)
    return load_study("test", overlay, systems, config)


def also(block: str, settings: str) -> str:
    """A block of runs with some more settings."""
    return f"{block[:-1]}, {settings}}}"
