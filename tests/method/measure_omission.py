"""What two load generators say of one server that stalls: the figure and the table of docs/method.md.

.venv/bin/python tests/method/measure_omission.py

The server answers in 5 ms, but stands still for a second in the middle. hey sends as many requests a second as Cotejo's
open loop, each of its two workers when the answer to the one before has come. It takes half a minute.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if __name__ == "__main__":
    folders = ("", "scripts", "tests/unit", "tests/integration")
    sys.path += [str(Path(__file__).resolve().parents[2] / folder) for folder in folders]

from loading import driven, job_of, known_server, open_at

from cotejo.clients.parse_hey import parse_rows
from cotejo.command import ROOT
from cotejo.errors import CotejoError
from cotejo.figures import style
from cotejo.stats import percentile_ms
from tests.method.simulate import PAGE, replace_between_marks, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE = ROOT / "docs" / "images" / "method-omission.svg"
SERVICE_S = 0.005
RATE_RPS, SECONDS, WORKERS = 200, 10, 2
STALL_S = (4.0, 5.0)
TITLE = "A server that stands still for a second, as two clients see it"
COTEJO, HEY, TRUE = "Cotejo, open loop", "hey", "any caller"
PERCENTILES = (50, 90, 95, 99)


class Seen(NamedTuple):
    """Requests by when they were due, in seconds since the server's first, and how long their answers took."""

    due_s: np.ndarray
    latency_s: np.ndarray


def by_cotejo(folder: Path) -> Seen:
    """Counted from when each request was due."""
    with known_server(folder, median_s=SERVICE_S, stalls=[STALL_S]) as server:
        load = open_at(RATE_RPS, "constant")
        level = driven(job_of(folder, server.port, load, stream=False, warmup_s=0.0, duration_s=float(SECONDS)))
    due_s = np.array([sample["scheduled_s"] for sample in level.samples])
    latency_s = np.array([sample["done_s"] for sample in level.samples]) - due_s
    return Seen(due_s + level.start_monotonic_s - server.truth[:, 0].min(), latency_s)


def by_hey(folder: Path) -> Seen:
    """As hey counts: from when it sent each."""
    program = shutil.which("hey")
    if program is None:
        raise CotejoError("hey: not installed. Install it: apt-get install hey")
    with known_server(folder, median_s=SERVICE_S, stalls=[STALL_S]) as server:
        command = [program, "-z", f"{SECONDS}s", "-c", str(WORKERS), "-q", str(RATE_RPS // WORKERS), "-o", "csv"]
        command += ["-m", "POST", "-d", "{}", f"http://127.0.0.1:{server.port}/v1/chat/completions"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = parse_rows(done.stdout)
    sent_s = np.array([row.sent_s for row in rows])
    return Seen(sent_s, np.array([row.done_s for row in rows]) - sent_s)


def any_caller() -> Seen:
    """What whoever calls at any instant meets: the service time, and what is left of the stall."""
    due_s = np.linspace(0, SECONDS, 100_001)
    begin_s, end_s = STALL_S
    done_s = due_s + SERVICE_S
    return Seen(due_s, np.where((done_s >= begin_s) & (done_s < end_s), end_s, done_s) - due_s)


def omission_table(seen: Mapping[str, Seen]) -> str:
    rows = [
        [
            name,
            "" if name == TRUE else str(len(each.due_s)),
            *(f"{percentile_ms(each.latency_s, q):.1f} ms" for q in PERCENTILES),
            f"{each.latency_s.max() * 1000:.0f} ms",
        ]
        for name, each in seen.items()
    ]
    return table(["seen by", "requests", *(f"p{q}" for q in PERCENTILES), "longest"], rows, "lr")


def omission_figure(seen: Mapping[str, Seen]) -> "Figure":
    """Left each request's time over the instant when it was due, right the percentiles."""
    note = (
        f"The server answers in {SERVICE_S * 1000:g} ms and stands still from second {STALL_S[0]:g} to {STALL_S[1]:g}. "
        f"Both clients were asked for {RATE_RPS} requests/s; hey has {WORKERS} workers, each of which sends only when "
        "its last request was answered, and counts from then. Grey: what whoever calls at that instant meets."
    )
    figure, axes = style.canvas(style.STYLES["full"], TITLE, note, 2.4)
    axes.remove()
    times, shares = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    tints = style.colours([COTEJO, HEY])
    truth = seen[TRUE]
    times.plot(truth.due_s, truth.latency_s * 1000, color=style.GRID, linewidth=4, label=TRUE)
    q = np.linspace(0, 100, 2001)
    shares.plot(q, np.percentile(truth.latency_s * 1000, q), color=style.GRID, linewidth=4)
    for name, mark in ((COTEJO, "o"), (HEY, "D")):
        each = seen[name]
        size = 1.8 if name == COTEJO else 3
        times.plot(
            each.due_s, each.latency_s * 1000, mark, color=tints[name], markersize=size, linestyle="", label=name
        )
        shares.plot(q, np.percentile(each.latency_s * 1000, q), color=tints[name], linewidth=1.2)
    shares.axvline(99, color=style.MUTED, linewidth=0.8, linestyle=":")
    times.set(xlabel="due after, s", ylabel="latency, ms", xlim=(0, SECONDS), yscale="log", ylim=(3, 2000))
    times.set_yticks([5, 20, 100, 500], ["5", "20", "100", "500"])
    times.minorticks_off()
    shares.set(xlabel="percentile (dotted: p99)", xlim=(80, 100.3))
    for panel in (times, shares):
        panel.grid(True)
    times.legend(loc="upper right", handlelength=1.2)
    return figure


def main() -> None:
    seen = {TRUE: any_caller()}
    for name, measured in ((COTEJO, by_cotejo), (HEY, by_hey)):
        with tempfile.TemporaryDirectory() as folder:
            seen[name] = measured(Path(folder))
    with style.applied(style.STYLES["full"]):
        style.save(omission_figure(seen), FIGURE, "svg", TITLE)
    text = omission_table(seen)
    replace_between_marks(PAGE, "omission", text)
    print(text)


if __name__ == "__main__":
    main()
