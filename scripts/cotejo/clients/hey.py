"""hey: a closed loop of one fixed request, https://github.com/rakyll/hey.

It counts each request from when it is sent, so that it keeps quiet about those that it didn't send because the server
stalled ("coordinated omission"). It writes no row for a request that got no answer: those still under way when its time
is over are found missing and counted as failed; of earlier ones the server's counters, and Little's law, tell.
"""

from cotejo.clients.external import (
    REQUEST_TIMEOUT_S,
    failure_of,
    header_arguments,
    level_of,
    one_request,
    program,
    said,
    sent_item,
    window,
)
from cotejo.clients.interface import ClientJob
from cotejo.clients.parse_hey import parse_rows
from cotejo.errors import CotejoError
from cotejo.samples import Level, Sample
from cotejo.servers.interface import Launch

LOADS = ("closed",)
APIS = ("openai-chat", "openai-completions", "tgi-generate", "triton-infer", "llava-stream")
OPTIONS: dict[str, object] = {}
STACK = None
KEY = False  # its headers are arguments
INPUTS = "identical"
FIRST_TOKENS = False
COLUMNS = ("status",)
PERCENTILES = (10, 25, 50, 75, 90, 95, 99)  # that it prints

REMEDY = "Install it: apt-get install hey"


def command(job: ClientJob) -> Launch:
    """hey's command line: a CSV row for each request, keeping connections, no other URL than the server's."""
    request = one_request(job)
    line = [program("hey", REMEDY), "-z", f"{window(job)[1]:g}s", "-c", str(job.level.concurrency), "-m", "POST"]
    line += [*header_arguments(request), "-D", str(request.body), "-t", str(REQUEST_TIMEOUT_S), "-cpus"]
    line += [str(job.threads), "-o", "csv", "-disable-redirects", request.url]
    return Launch(line)


def read(job: ClientJob, start_s: float, output: str) -> Level:
    item = sent_item(job)
    rows = [
        {"item": item, "scheduled_s": row.sent_s, "sent_s": row.sent_s, "done_s": row.done_s, "status": row.status}
        | failure_of(row.status)
        for row in parse_rows(output)
    ]
    return level_of(job, [*rows, *_missing(job, item, rows)], start_s, window(job), INPUTS)


def version(job: ClientJob) -> str:
    """hey doesn't know its version: that of its Debian package."""
    program("hey", REMEDY)
    return said(["dpkg-query", "--show", "--showformat=${Version}", "hey"], r"^(\d\S*)")


def _missing(job: ClientJob, item: str, rows: list[Sample]) -> list[Sample]:
    """The requests under way when hey's time was over that have no row: they got no answer.

    Each worker sends until then and ends its last request later: so many of those there must be.
    """
    begin_s, end_s = window(job)
    last = sum(row["done_s"] >= end_s for row in rows)
    if last == 0:
        done_s = max((row["done_s"] for row in rows), default=0.0)
        raise CotejoError(
            f"hey's output: line {len(rows) + 1}: the last answer came {done_s:.1f} s after its start, though it sends "
            f"for {end_s:g} s: the output is truncated, or the server answered no more. See the server's log"
        )
    lost = max(0, (job.level.concurrency or 1) - last)
    unknown = {"item": item, "scheduled_s": begin_s, "sent_s": begin_s, "status": "", "ok": 0}
    return [unknown | {"error": "no answer: hey wrote no row for it"} for _ in range(lost)]
