"""ab, ApacheBench: a closed loop of one fixed request, https://httpd.apache.org/docs/2.4/programs/ab.html.

Its table has a request's start in whole seconds and its time in whole milliseconds. The requests under way when its
time is over are abandoned, without a row: the window consists of the whole seconds before any of them was sent, as far
as the longest of the others tells. The table has no status either: where a request failed it can't be told which one,
so that only numbers are given then. Keep-alive is on, as HTTP/1.0 has it: a server that doesn't know it gets a
connection for each request.
"""

import math
import time

from cotejo.clients.external import REQUEST_TIMEOUT_S, header_arguments, level_of, one_request, program, said, sent_item
from cotejo.clients.interface import ClientJob
from cotejo.clients.parse_ab import Report, parse_report, parse_rows
from cotejo.errors import CotejoError
from cotejo.samples import Level
from cotejo.servers.interface import Launch

LOADS = ("closed",)
APIS = ("openai-chat", "openai-completions", "tgi-generate", "triton-infer", "llava-stream")
OPTIONS: dict[str, object] = {}
STACK = None
KEY = False  # its headers are arguments
INPUTS = "identical"
FIRST_TOKENS = False
COLUMNS = ()

REMEDY = "Install it: apt-get install apache2-utils"
TABLE = "requests.tsv"
MOST_PER_S = 100_000  # ab makes room for so many requests beforehand, and stops early at more


def command(job: ClientJob) -> Launch:
    """ab's command line: bodies of any length are good ones, and what fails doesn't end it."""
    request = one_request(job)
    seconds = _seconds(job)
    line = [program("ab", REMEDY), "-q", "-l", "-r", "-k", "-s", str(REQUEST_TIMEOUT_S), "-t", str(seconds)]
    line += ["-n", str(seconds * MOST_PER_S), "-c", str(job.level.concurrency), *header_arguments(request)]
    line += ["-p", str(request.body), "-g", str(job.folder / TABLE), request.url]
    return Launch(line)


def read(job: ClientJob, start_s: float, output: str) -> Level:
    report = parse_report(output)
    if report.concurrency != job.level.concurrency:
        raise CotejoError(f"ab's output: Concurrency Level: {report.concurrency}: not {job.level.concurrency} as asked")
    if report.complete == 0:
        raise CotejoError(f"ab's output: Complete requests: 0: no answer in {report.total_s} s. See the server's log")
    if report.failed or report.refused:
        return _only_numbers(job, start_s, report)
    table = job.folder / TABLE
    rows = parse_rows(table.read_text(encoding="utf-8"))
    if len(rows) != report.complete:
        raise CotejoError(f"{table}: line {len(rows) + 1}: {report.complete} requests should be there. It is truncated")
    item = sent_item(job)
    start_epoch_s = start_s + time.time() - time.monotonic()
    sent = [(row.second - start_epoch_s, row.took_ms / 1000) for row in rows]
    samples = [
        {"item": item, "scheduled_s": sent_s, "sent_s": sent_s, "done_s": sent_s + took_s, "ok": 1, "error": ""}
        for sent_s, took_s in sent
    ]
    longest_s = max(took_s for _, took_s in sent)
    first_second = math.ceil(start_epoch_s + job.run["warmup_s"])
    last_second = math.floor(start_epoch_s + report.total_s - longest_s)
    return level_of(job, samples, start_s, (first_second - start_epoch_s, last_second - start_epoch_s), INPUTS)


def version(job: ClientJob) -> str:
    return said([program("ab", REMEDY), "-V"], r"Version (\S+)")


def _only_numbers(job: ClientJob, start_s: float, report: Report) -> Level:
    """A level with failures, of the whole time: no request's time can be told from another's."""
    failed = min(report.complete, report.failed + report.refused)
    return Level(
        level=job.level.name,
        start_monotonic_s=start_s,
        duration_s=report.total_s,
        concurrency=job.level.concurrency,
        load=job.level.load,
        inputs=INPUTS,
        reported={"requests_per_s": (report.complete - failed) / report.total_s},
        requests=report.complete,
        failed_requests=failed,
    )


def _seconds(job: ClientJob) -> int:
    """Warm-up and window, and the two seconds that are lost by counting whole ones."""
    return math.ceil(job.run["warmup_s"] + job.run["duration_s"]) + 2
