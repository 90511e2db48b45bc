"""What a study will add to the disk: models, exports and records, from what is known before anything is fetched."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cotejo.estimate import bytes_per_repeat, missing
from cotejo.models import own
from cotejo.places import Stack, client_stack, dataset_folder, export_folder, model_folder, server_stack, worker_stack

Run = Mapping[str, Any]

_BYTES_OF = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2,
    "fp32": 4, "fp16": 2, "bf16": 2, "int8": 1, "int4": 0.5,
}  # fmt: skip
# Beside quantised weights lie their scales, and layers that are left in half precision.
_QUANTISED = 1.15
# A model cut down to scale `small`, or an export of one: those of study `demo` have 30 MB on average, the largest 77.
SMALL_BYTES = 40e6


@dataclass
class DiskUse:
    """What is known to come, in bytes by kind, and what comes of unknown size."""

    known: dict[str, float] = field(default_factory=dict)
    uncounted: list[str] = field(default_factory=list)
    free_bytes: float = 0.0

    @property
    def needed_bytes(self) -> float:
        """What is known to come, in all."""
        return sum(self.known.values())

    def words(self) -> str:
        """ "about 14 GB (models 13 GB, exports 0.7 GB), 45 GB free"."""
        parts = ", ".join(f"{kind} {gigabytes(size)}" for kind, size in self.known.items())
        needed = gigabytes(self.needed_bytes)
        about = needed if needed.startswith("under") else f"about {needed}"
        told = f"{about}{f' ({parts})' if parts else ''}, {gigabytes(self.free_bytes)} free"
        return told + (f"; not counted: {', '.join(self.uncounted)}" if self.uncounted else "")

    def warning(self) -> str:
        """One line where the disk won't hold it; else nothing."""
        if self.needed_bytes <= self.free_bytes:
            return ""
        free, lacking = gigabytes(self.free_bytes), gigabytes(self.needed_bytes - self.free_bytes)
        return (
            f"the disk has {free} free, about {lacking} less than this will need: free some, or make resources/ a link "
            "to a larger disk"
        )


def disk_use(
    runs: Iterable[Run],
    models: Mapping[str, Mapping[str, Any]],
    environments: Mapping[str, Mapping[str, str]],
    root: Path,
    results: Path,
) -> DiskUse:
    """What measuring runs of one results folder adds below a checkout, `root`; what is there already adds nothing.

    `models` are the entries of config/models.yaml, and `environments` those of config/config.yaml.
    """
    use = DiskUse(free_bytes=shutil.disk_usage(_existing(root / "resources")).free)
    pending = [run for run in runs if missing(run, results)]
    folders: dict[tuple[str, str], float] = {}
    for run in pending:
        folders[("models", model_folder(run))] = weight_bytes(run, models[run["model"]], exported=False)
        if run["format"]:
            folders[("exports", export_folder(run))] = weight_bytes(run, models[run["model"]], exported=True)
    for (kind, folder), size in folders.items():
        if not (root / folder).exists():
            use.known[kind] = use.known.get(kind, 0.0) + size
    _add_records(use, pending, results)
    stacks = dict.fromkeys(stack.made for run in pending for stack in _stacks(run, environments) if stack.made)
    use.uncounted += [f"environment {name}" for name in stacks if not (root / "resources/environments" / name).exists()]
    data = dict.fromkeys(run["dataset"] for run in pending if not (root / dataset_folder(run)).exists())
    use.uncounted += [f"data set {name}" for name in data]
    return use


def weight_bytes(run: Run, model: Mapping[str, Any], exported: bool) -> float:
    """About how many bytes a run's weights take, as the model has them or as they are exported."""
    if run["scale"] == "small":
        return SMALL_BYTES
    stored = (own.config_of(run["model"], model) or {}).get("torch_dtype", "float32")
    mine = own.is_own(model)  # then the folder tells
    parameters = own.size_bytes(run["model"], model) / _BYTES_OF[stored] if mine else model["parameters"]
    kind = run["precision"] if exported else stored
    return float(parameters) * _BYTES_OF[kind] * (_QUANTISED if kind.startswith("int") else 1.0)


def gigabytes(size: float) -> str:
    """A size for people, no finer than it is known: "under 0.1 GB", "0.4 GB", "13 GB"."""
    if size < 0.05e9:
        return "under 0.1 GB"
    return f"{size / 1e9:.1f} GB" if size < 9.95e9 else f"{size / 1e9:,.0f} GB"


def _add_records(use: DiskUse, pending: list[Run], results: Path) -> None:
    each = bytes_per_repeat(results.parent)
    if each is None:
        use.uncounted += ["records"] if pending else []
    elif pending:
        use.known["records"] = each * sum(len(missing(run, results)) for run in pending)


def _stacks(run: Run, environments: Mapping[str, Mapping[str, str]]) -> list[Stack]:
    if run.get("server"):
        return [server_stack(run, environments), client_stack(run, environments)]
    return [worker_stack(run, environments)]


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
