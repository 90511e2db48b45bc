"""What tests of load tools share: fixtures, published rows, and a job of a client."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cotejo.clients import client
from cotejo.clients.interface import ClientJob
from cotejo.command import ROOT
from cotejo.load import LoadLevel
from cotejo.servers.interface import Endpoint

FIXTURES = ROOT / "tests" / "fixtures"
PROMPTS = ("Discuss the history of artificial intelligence.", "Explain why the sky is blue.")


def published(name: str, **wanted: str) -> list[dict[str, str]]:
    """The published rows with these values."""
    with (ROOT / "config" / "published" / name).open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if all(row[key] == value for key, value in wanted.items())]


def lines_of(file: Path) -> Iterator[str]:
    """Every beginning of a file that ends with a whole line, the whole file left out."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return ("".join(lines[:number]) for number in range(len(lines)))


def client_job(folder: Path, name: str, api: str = "tgi-generate", rate_rps: float | None = None,
               concurrency: int | None = None, **settings: Any) -> ClientJob:  # fmt: skip
    """A job of a client of text, whose data set lies in the folder too."""
    dataset, work = folder / "dataset", folder / "work"
    for each in (dataset, work, folder / "model"):
        each.mkdir(parents=True)
    (work / "item.json").write_text('"0.txt"', encoding="utf-8")  # as if its command had been made
    items = [{"file": f"{number}.txt", "text": text} for number, text in enumerate(PROMPTS)]
    for item in items:
        (dataset / item["file"]).write_text(item["text"], encoding="utf-8")
    (dataset / "dataset.json").write_text(json.dumps({"kind": "prompts", "items": items}), encoding="utf-8")
    load = "closed" if rate_rps is None else "open"
    run = {
        **client(name).OPTIONS, "task": "text-generation", "server": "vllm" if "openai" in api else "tgi",
        "client": name, "api": api, "model": "tiny", "architecture": "llama", "new_tokens": 16, "seed": 1,
        "shared_prefix_tokens": 0,
        "warmup_s": 0, "duration_s": 1, "load": load, **settings,
    }  # fmt: skip
    level = LoadLevel("level", load, concurrency, rate_rps, None if rate_rps is None else "poisson")
    endpoint = Endpoint({"http": 9}, "tiny")
    return ClientJob(run, level, endpoint, api, dataset, folder / "model", work, Path(sys.executable), 1)
