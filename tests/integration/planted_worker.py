"""A measured process with a fault planted in its requests, as its run's key `behave` says; all else of it is real.

A request waits 20 ms: it computes nothing, so that whatever else this machine does hardly changes it.
"""

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

from cotejo.files import read_json, write_json
from cotejo.samples import one_after_another, write_samples

REQUEST_S = 0.02
STALL_S, EVERY_S = 0.2, 5.0


class Request(NamedTuple):
    item: str


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", type=Path)
    job = read_json(parser.parse_args().job)
    run = job["run"]
    begun_s = time.monotonic()
    next_stall_s = begun_s + EVERY_S / 2

    def perform(request: Request) -> dict[str, Any]:
        nonlocal next_stall_s
        now_s = time.monotonic()
        wait_s = REQUEST_S
        if run["behave"] == "drift":  # a third slower at the end, as a machine that heats up
            wait_s *= 1 + (now_s - begun_s) / run["duration_s"] / 3
        if run["behave"] == "stall" and now_s >= next_stall_s:
            wait_s += STALL_S
            next_stall_s += EVERY_S
        time.sleep(wait_s)
        return {"first_token_s": time.monotonic(), "tokens_in": 8, "tokens_out": 1}

    level = one_after_another(perform, [Request(f"prompt {number}") for number in range(5)], run, "single-stream")
    write_samples(Path(job["output"], "samples.csv"), [level], ())
    report = {
        "status": "ok", "reason": None, "message": None, "load_s": 0.0, "levels": [level.summary()], "runtime": {},
        "versions": {}, "modules": [], "peak_rss_mib": 10.0,
    }  # fmt: skip
    write_json(Path(job["output"], "worker.json"), report)


if __name__ == "__main__":
    main()
