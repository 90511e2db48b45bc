"""A whole record and a whole run, for tests to change a key of."""

import copy
from typing import Any

RUN: dict[str, Any] = {
    "id": "text-genai_tinyllama-1.1b-chat_prompts_openvino-genai_int8_1c",
    "digest": "0123456789",
    "name": "text-genai",
    "study": "demo",
    "system": "local",
    "task": "text-generation",
    "model": "tinyllama-1.1b-chat",
    "architecture": "llama",
    "weights": "synthetic",
    "scale": "small",
    "model_digest": "aaaaaaaaaa",
    "dataset": "prompts",
    "dataset_digest": "bbbbbbbbbb",
    "backend": "openvino-genai",
    "format": "openvino",
    "precision": "int8",
    "compute_precision": "f32",
    "device": "cpu",
    "cores": 1,
    "duration_s": 2.0,
    "warmup_s": 0.5,
    "stop_width": None,
    "timeout_s": 300,
    "seed": 0,
    "new_tokens": 8,
}

LOOK: dict[str, Any] = {
    "busy_percent": {"pinned": 0.0, "siblings": 2.0, "others": 1.0},
    "busiest": [{"name": "journald", "cpu_percent": 2.0, "last_cpu": 3}],
    "load_1min": 0.8,
    "runnable": 1,
    "pressure_percent": {"cpu": 0.1, "memory": 0.0, "io": 0.0},
    "swap_used_mib": 0,
    "memory_available_mib": 14000,
    "governors": ["performance"],
    "cpu_throttled": 7,
    "gpus": [],
    "leftovers": [],
}

TELEMETRY: dict[str, Any] = {
    "ticks": 10,
    "cpu_cores": 0.98,
    "client_cpu_cores": None,
    "foreign_cpu_percent": 0.4,
    "steal_percent": 0.1,
    "load_1min": 0.9,
    "rss_peak_mib": 250.5,
    "pss_peak_mib": 240.0,
    "minor_faults": 1200,
    "major_faults": 0,
    "read_mib": 0.0,
    "written_mib": 0.1,
    "swapped_mib": 0.0,
    "memory_available_mib": 13900.0,
    "frequency_mhz": {"median": 2000.0, "least": 1900.0},
    "cpu_throttled": 0,
    "energy": {"package_j": 63.0, "package": "RAPL package-0", "gpu_j": None},
    "gpus": [],
}

RECORD: dict[str, Any] = {
    "schema_version": 0,
    "study": "demo",
    "system": "local",
    "run": RUN,
    "repeat": 1,
    "status": "ok",
    "reason": None,
    "message": None,
    "started_at": "2026-01-31T12:00:00.000Z",
    "finished_at": "2026-01-31T12:00:05.250Z",
    "command": ["numactl", "--physcpubind=0", "--localalloc", "python", "-m", "cotejo.worker", "--job", "job.json"],
    "environment": {
        "machine": {
            "hostname": "edge-1",
            "cpu": "Example CPU @ 2.00GHz",
            "microcode": "0xd0003a5",
            "architecture": "x86_64",
            "sockets": 1,
            "cores": 2,
            "threads": 4,
            "smt": True,
            "numa_nodes": 1,
            "numa_balancing": False,
            "frequency_driver": "intel_pstate",
            "governor": "performance",
            "energy_preference": "performance",
            "frequency_min_mhz": 800,
            "frequency_max_mhz": 2000,
            "turbo": False,
            "power_limit_w": 65.0,
            "mitigations": {"spectre_v1": "Mitigation: usercopy/swapgs barriers"},
            "memory_mib": 16384,
            "swap_mib": 0,
            "huge_pages": "madvise",
            "cgroup_memory_mib": None,
            "cgroup_cpus": None,
            "kernel": "6.1.0",
            "os": "Debian GNU/Linux 12 (bookworm)",
            "virtualisation": "none",
        },
        "gpus": [],
        "software": {
            "python": "3.11.7",
            "libc": "glibc 2.36",
            "lock_digest": "1" * 64,
            "installed_digest": "7" * 64,
        },
    },
    "affinity": {
        "asked": 1,
        "mechanism": "numactl",
        "expected_cpus": [0],
        "observed_cpus": [0],
        "violations": [],
        "checks": 12,
    },
    "levels": [
        {
            "level": "single-stream",
            "warmup_requests": 2,
            "warmup_s": 0.6,
            "start_monotonic_s": 1234.5,
            "duration_s": 2.1,
            "requests": 2,
            "failed_requests": 0,
            "telemetry": TELEMETRY,
            "concurrency": 1,
            "ended_by": "duration",
            "stopping": None,
            "load": "single-stream",
            "rate_rps": None,
            "inputs": "unique",
            "reported": {},
            "server": None,
        }
    ],
    "process": {
        "load_s": 0.8,
        "peak_rss_mib": 250.5,
        "exit_code": 0,
        "threads": 1,
        "wall_s": 4.5,
        "cpu_s": 4.2,
    },
    "quiet": {"before": LOOK, "after": LOOK},
    "server": None,
    "client": None,
    "runtime": {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1},
    "versions": {"openvino": "2026.4.1"},
    "model": {
        "folder": "resources/models/tinyllama-1.1b-chat/synthetic-small",
        "digest": "2" * 64,
        "licence": "apache-2.0",
        "parameters": 19800000,
        "source": {"generator": "philox-uniform-1", "seed": 0},
    },
    "export": {
        "folder": "resources/exports/tinyllama-1.1b-chat/synthetic-small/openvino-int8",
        "digest": "3" * 64,
        "status": "ok",
        "packages": {"optimum-intel": "2.2.0"},
        "parity_file": "resources/exports/tinyllama-1.1b-chat/synthetic-small/openvino-int8.parity.json",
        "parity": {"status": "ok", "error": 0.01, "bound": 0.1},
    },
    "dataset": {"digest": "4" * 64, "kind": "prompts", "items": 3},
    "marks": ["synthetic", "small"],
    "code_digest": "5" * 16,
    "git_revision": "6" * 40,
    "samples": None,
    "telemetry": None,
}

SERVER: dict[str, Any] = {
    "name": "transformers-serve",
    "version": "5.0.0",
    "command": ["numactl", "--physcpubind=0", "--localalloc", "python", "-m", "transformers", "--port", "40001"],
    "environment": None,
    "image": None,
    "stand_in": False,
    "key": False,
    "ready_s": 10.7,
    "model_served": "tinyllama-1.1b-chat",
    "prepared": {"generation_config.json": "8" * 64},
    "launch_sha256": "9" * 64,
}

CLIENT: dict[str, Any] = {
    "name": "cotejo",
    "version": "uvloop 0.22.1",
    "command": ["numactl", "--physcpubind=1", "--localalloc", "python", "-m", "cotejo.clients.own_process"],
    "cpus": [1],
    "shared_cores": False,
    "calibration": {
        "closed_rps": 9000.0,
        "added_latency_p50_ms": 0.1,
        "added_latency_p99_ms": 0.4,
        "streaming_rps": 2000.0,
    },
}


def changed(data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A deep copy with some values changed; `a__b=1` changes key b of key a."""
    result = copy.deepcopy(data)
    for keys, value in changes.items():
        *outer, last = keys.split("__")
        place = result
        for key in outer:
            place = place[key]
        place[last] = value
    return result


def served(**changes: Any) -> dict[str, Any]:
    """A record of a run that has a server, at two requests at once."""
    settings = {
        "server": "transformers-serve",
        "client": "cotejo",
        "api": "openai-chat",
        "load": "closed",
        "concurrency": 2,
        "client_cores": "rest",
        "backend": "pytorch",
        "format": None,
        "precision": "fp32",
    }
    level = {
        **RECORD["levels"][0],
        "level": "concurrency-2",
        "load": "closed",
        "concurrency": 2,
        "server": {"requests": 2, "tokens_out": 16, "queue_s": 0.25},
    }
    record = changed(RECORD, run=RUN | settings, levels=[level], server=SERVER, client=CLIENT, export=None)
    return changed(record, **changes)


def failed(reason: str = "error", message: str = "it broke", **changes: Any) -> dict[str, Any]:
    """A record of a repeat that measured nothing."""
    return changed(RECORD, status="failed", reason=reason, message=message, levels=[], **changes)
