"""A whole measured repeat: the record that a study has of a run on a GPU."""

from typing import Any

from cotejo.gpu_check.check import CUDA, Box, Found, check
from cotejo.gpu_check.pytorch import LLAMA, LLAVA, settings
from cotejo.gpu_check.runs import measured, placed, went_well
from cotejo.quiet import gpu_memory_kept

TIMES = {"warmup_s": 0.5, "duration_s": 3, "new_tokens": 16}
WAYS = ("rx", "tx")  # of PCIe


@check("record")
def record(box: Box) -> Found:
    """A whole repeat is measured on one GPU: pinned, watched, sampled, and written down."""
    made = measured(box, settings(LLAMA, "check-prompts", **TIMES, **placed(box)))
    level = went_well(made)
    assert level["requests"] > 0 and level["telemetry"], "no requests, or no telemetry"
    return {
        "requests": level["requests"],
        "duration_s": level["duration_s"],
        "pinned_by": made["affinity"]["mechanism"],
    }


@check("record-energy", needs=("pynvml",), rehearsed=False)
def record_energy(box: Box) -> Found:
    """Its record has the GPU's energy, power, memory and traffic, and the memory is returned at its end."""
    made = measured(box, settings(LLAMA, "check-prompts", **TIMES, **placed(box)))
    level = went_well(made)
    busiest: dict[str, Any] = max(level["telemetry"]["gpus"], key=lambda gpu: gpu["energy_j"] or 0)
    wanted = ("energy_j", "utilisation_percent", "memory_peak_mib", "sm_clock_mhz", "rx_mb_per_s", "tx_mb_per_s")
    untold = [key for key in wanted if busiest[key] is None]
    assert not untold, f"nothing of {', '.join(untold)}"
    assert busiest["energy_j"] > 0, "no energy was used"
    kept = gpu_memory_kept(made["quiet"]["before"], made["quiet"]["after"])
    assert not kept, "; ".join(kept)
    return {**{key: busiest[key] for key in wanted}, "joule_per_request": busiest["energy_j"] / level["requests"]}


@check("clocks-settle", needs=("pynvml",), rehearsed=False)
def clocks_settle(box: Box) -> Found:
    """A warm-up goes on until the GPU's clocks have settled, and its record says so."""
    level = went_well(measured(box, settings(LLAMA, "check-prompts", **TIMES, **placed(box))))
    told = level["clocks"]
    assert told["settled"], f"after {told['waited_s']:.0f} s of warm-up they had not"
    return dict(told)


@check("record-split", needs=("PIL", "accelerate", "pynvml"), gpus=2)
def record_split(box: Box) -> Found:
    """A repeat of LLaVA divided over two GPUs has what lies on each of them, their memory and their traffic."""
    asked = {"split": "device_map", "split_layers": "2,2", "passes": 1, "new_tokens": 8, "warmup_s": 1}
    made = measured(box, settings(LLAVA, "check-pictures", **asked, **placed(box, gpus=2)))
    level = went_well(made)
    places = set(made["runtime"]["device_map"].values())
    assert len(places) == 2, f"all of it lies in {places}"
    held = {name: value for name, value in level["reported"].items() if name.startswith("gpu")}
    assert box.device != CUDA or (len(held) == 2 and min(held.values()) > 0), f"GPUs held {held}"
    used = [gpu for gpu in level["telemetry"]["gpus"] if gpu.get("used", True)]
    traffic = {f"gpu{number}_{way}_mb_per_s": gpu[f"{way}_mb_per_s"] for number, gpu in enumerate(used) for way in WAYS}
    assert box.device != CUDA or (len(used) == 2 and None not in traffic.values()), f"traffic of GPUs: {traffic}"
    return {"inferences": level["requests"], **held, **traffic}
