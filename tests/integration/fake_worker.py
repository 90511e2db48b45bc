"""A measured process that behaves, or misbehaves, as its run's key `behave` says."""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", type=Path)
    job = json.loads(parser.parse_args().job.read_text())
    print("fake worker at work")
    globals()[job["run"]["behave"]](job)
    report(job)


def well(job: dict) -> None:
    time.sleep(0.3)


def compute(job: dict) -> None:
    """Keep a CPU busy for the run's time."""
    LEVEL["start_monotonic_s"] = start_s = time.monotonic()
    while time.monotonic() < start_s + job["run"]["duration_s"]:
        pass
    LEVEL["duration_s"] = time.monotonic() - start_s


def leave(job: dict) -> None:
    """A thread gives itself every CPU, as runtimes do that pin their threads themselves."""

    def wander() -> None:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        time.sleep(1)

    thread = threading.Thread(target=wander)
    thread.start()
    thread.join()


def die(job: dict) -> None:
    print("about to die", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGSEGV)


def crash(job: dict) -> None:
    raise ValueError("no such layer")


def silent(job: dict) -> None:
    os._exit(0)


def refuse(job: dict) -> None:
    write(job, "worker.json", {"status": "failed", "reason": "error", "message": "unsupported operation", **NOTHING})
    sys.exit(0)


def hoard(job: dict) -> None:
    """Take more memory than its address space has."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    bytearray(2 << 30)


def fill(job: dict) -> None:
    """Take more memory than its control group has, and touch it."""
    for _ in range(64):
        blocks.append(bytearray(os.urandom(1 << 20) * 16))


def linger(job: dict) -> None:
    """Start a process in a session of its own, one in this one, say which they are, and never end."""
    others = [subprocess.Popen(["sleep", "600"], start_new_session=new) for new in (True, False)]
    pids = Path(job["run"]["pids"])
    pids.with_suffix(".tmp").write_text(json.dumps([os.getpid(), *(other.pid for other in others)]))
    pids.with_suffix(".tmp").rename(pids)
    time.sleep(600)


def abandon(job: dict) -> None:
    """End well, but leave a process behind."""
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    Path(job["run"]["pids"]).write_text(json.dumps([other.pid]))
    time.sleep(0.3)


blocks: list[bytearray] = []
NOTHING = {"load_s": 0.1, "levels": [], "runtime": {}, "versions": {}, "modules": [], "peak_rss_mib": 10.0}
LEVEL = {
    "level": "single-stream", "warmup_requests": 1, "warmup_s": 0.1, "start_monotonic_s": 1.0, "duration_s": 0.3,
    "requests": 2, "failed_requests": 0, "concurrency": 1, "ended_by": "duration", "stopping": None,
    "load": "single-stream", "rate_rps": None, "inputs": "unique", "reported": {},
}  # fmt: skip


def report(job: dict) -> None:
    Path(job["output"], "samples.csv").write_text("level,index,ok\nsingle-stream,0,1\nsingle-stream,1,1\n")
    seen = {
        "cpus": sorted(os.sched_getaffinity(0)),
        "parents_cpus": sorted(os.sched_getaffinity(os.getppid())),
        "threads": job["threads"],
        "omp": os.environ["OMP_NUM_THREADS"],
        "read": {name: job[name] for name in ("artefact", "model_folder", "dataset_folder")},
        "weights": len(Path(job["artefact"], "weights.bin").read_bytes()),
        "oom_score_adj": int(Path("/proc/self/oom_score_adj").read_text()),
    }
    write(
        job,
        "worker.json",
        {"status": "ok", "reason": None, "message": None, **NOTHING, "levels": [LEVEL], "runtime": seen},
    )


def write(job: dict, name: str, data: dict) -> None:
    Path(job["output"], name).write_text(json.dumps(data))


if __name__ == "__main__":
    main()
