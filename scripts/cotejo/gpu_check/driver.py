"""What the driver tells: of the GPUs themselves, while something runs, and once it has ended."""

import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

from cotejo import accelerators
from cotejo.affinity import mask
from cotejo.child import child_environment
from cotejo.code import SCRIPTS
from cotejo.gpu_check.check import Box, Found, check
from cotejo.quiet import gpu_memory_kept, look
from cotejo.telemetry.beside import sampling
from cotejo.telemetry.sampler import TICK_S
from cotejo.telemetry.table import Table, read_table, sampling_cost, several

NEEDED = ("name", "uuid", "driver", "cuda", "memory_mib", "power_limit_w", "sm_clock_max_mhz", "persistence")
TRAFFIC = ("rx_mb_per_s", "tx_mb_per_s")
BUSY_S = 4.0

# Holds half a gigabyte and copies it to the GPU and back for so many seconds, or within the host's memory.
COPYING = f"""
import sys, time, torch
where = sys.argv[1]
host = torch.zeros(1 << 29, dtype=torch.uint8, pin_memory=where == "cuda")
there = torch.zeros(1 << 29, dtype=torch.uint8, device=where)
print("copying", flush=True)
begun_s = time.monotonic()
while time.monotonic() - begun_s < {BUSY_S}:
    there.copy_(host)
    host.copy_(there)
    torch.cuda.is_available() and torch.cuda.synchronize()
"""


@check("driver-facts", needs=("pynvml",), rehearsed=False)
def driver_facts(box: Box) -> Found:
    """The driver tells what a record wants to know of each GPU."""
    seen = accelerators.facts()
    assert len(seen) >= box.gpus, f"NVML has {len(seen)} GPUs, and PyTorch {box.gpus}"
    silent = sorted({key for gpu in seen for key in NEEDED if gpu[key] is None})
    assert not silent, f"nothing of {', '.join(silent)}"
    untold = sorted({key for gpu in seen for key, value in gpu.items() if value is None})
    return {"gpus": len(seen), "driver": seen[0]["driver"], "not_told": untold or "nothing"}


@check("telemetry")
def telemetry(box: Box) -> Found:
    """Telemetry keeps its rate while a GPU copies."""
    table = sampled(box)
    rate_hz = sampling_cost(table)["rate_hz"]
    assert rate_hz is not None and rate_hz > 0.8 / TICK_S, f"{rate_hz} readings per second instead of {1 / TICK_S:g}"
    return {"rate_hz": rate_hz, "columns": len(table)}


@check("telemetry-gpu", needs=("pynvml",), rehearsed=False)
def telemetry_gpu(box: Box) -> Found:
    """While a GPU copies, telemetry has its power, clocks, memory and PCIe traffic, and energy that never falls."""
    table = sampled(box)
    found: dict[str, Any] = {}
    for column in ("power_w", "memory_mib", "sm_clock_mhz", "temperature_c", "utilisation_percent", *TRAFFIC):
        found[column] = max(greatest(table, column), default=None)
        assert found[column], f"{column}: {found[column]} at most, while a GPU copies"
    energy = [series.values for series in several(table, "energy_j").values() if series.values]
    assert energy, "energy_j: no GPU tells it"
    assert all(before <= after for values in energy for before, after in pairwise(values)), "energy_j fell"
    return {**found, "energy_j": max(values[-1] - values[0] for values in energy)}


def greatest(table: Table, column: str) -> list[float]:
    """The greatest reading of each GPU."""
    return [max(series.values) for series in several(table, column).values() if series.values]


def sampled(box: Box) -> Table:
    """What telemetry says of a process that copies."""
    file = box.folder / "telemetry.csv"
    cpus = frozenset(mask())
    with sampling(cpus, file), copying(box) as process:
        assert process.wait() == 0, f"what copies ended with {process.returncode}"
    return read_table(file)


def copying(box: Box) -> "subprocess.Popen[bytes]":
    environment = child_environment(1, SCRIPTS)
    return subprocess.Popen([sys.executable, "-c", COPYING, box.device], env=environment, stdout=subprocess.PIPE)


@check("memory-returned", needs=("pynvml",), rehearsed=False)
def memory_returned(box: Box) -> Found:
    """A GPU's memory is free again once what held it has ended."""
    cpus = frozenset(mask())
    before = look(cpus)
    with copying(box) as process:
        assert process.stdout and process.stdout.readline() == b"copying\n"
        meanwhile = look(cpus)
        process.wait()
    held = [
        now["memory_used_mib"] - then["memory_used_mib"]
        for then, now in zip(before["gpus"], meanwhile["gpus"], strict=True)
    ]
    assert max(held) > 512, f"it held {held} MiB by NVML, and took 512"
    ended_s = time.monotonic()
    kept = gpu_memory_kept(before, look(cpus))
    assert not kept, "; ".join(kept)
    return {"held_mib": max(held), "looked_after_s": time.monotonic() - ended_s}


# In a process that is shown one GPU: how many it sees, and which.
TELL = "import torch; print(torch.cuda.device_count(), torch.cuda.get_device_properties(0).uuid)"


@check("by-uuid", needs=("pynvml",), rehearsed=False)
def by_uuid(box: Box) -> Found:
    """A process that is shown one GPU, by the variable that runs get, computes on that one alone."""
    there = accelerators.usable(box.device)
    assert there and len(there) >= box.gpus, f"NVML knows {there} of PyTorch's {box.gpus} GPUs"
    usual = child_environment(1, SCRIPTS)
    for one in there:
        shown = accelerators.shown(
            {"device": box.device, "accelerators": 1}, {**usual, "CUDA_VISIBLE_DEVICES": one.uuid}
        ).variables
        command = [sys.executable, "-c", TELL]
        done = subprocess.run(command, env={**usual, **shown}, capture_output=True, text=True, check=True)
        number, uuid = done.stdout.split()
        assert (number, bare(uuid)) == ("1", bare(one.uuid)), f"shown {shown}, it sees {number}, the first {uuid}"
    return {"gpus": len(there)}


def bare(uuid: str) -> str:
    """PyTorch leaves out what a UUID is of."""
    return uuid.removeprefix("GPU-").removeprefix("MIG-")
