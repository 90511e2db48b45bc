"""What a document prints twice over: each derived figure computed again from the rows that it derives from."""

from collections.abc import Iterator

from cotejo.published.check import AGREES, DERIVED, DISAGREES, Check, compared
from cotejo.published.groups import PLACEMENT, PROGRESS, Paper, alike
from cotejo.published.rounding import Rounded, cut, exact, rounded, total

PARTS = ("connecting", "request_write", "response_wait", "response_read")


def iterations(paper: Paper) -> Iterator[Check]:
    """The rate of each pass from its time, which a progress bar cut; their mean; and the rate of the mean."""
    for group in paper.groups:
        pairs = group.text("pairs", "count")
        times = {name: text for name, text in group.numbers("wall_time").items() if name.startswith("iteration")}
        if pairs is None or not times:
            continue
        count = exact(float(pairs))
        for name, text in times.items():
            rate = group.text("inference_rate", name)
            if rate is not None:
                yield compared(
                    "rate of an iteration", f"{group.words}, {name}", f"{pairs} / {text} s", count / cut(text), rate,
                    group.unit("inference_rate"),
                )  # fmt: skip
        mean = group.text("wall_time", "mean")
        if mean is None:
            continue
        yield compared(
            "mean of iterations", group.words, f"({' + '.join(times.values())}) s / {len(times)}",
            total(map(cut, times.values())) / exact(len(times)), mean, "s",
        )  # fmt: skip
        for statistic in ("mean", "mean_log"):
            rate = group.text("inference_rate", statistic)
            if rate is not None:
                yield compared(
                    "rate of the mean time", group.words, f"{pairs} / {mean} s", count / rounded(mean), rate,
                    group.unit("inference_rate"),
                )  # fmt: skip


def requests_over_time(paper: Paper) -> Iterator[Check]:
    """The rate from how many requests there were and how long they took together; a progress bar's rate too."""
    for group in paper.groups:
        counts = [group.text(name, "count") for name in ("responses", "prompts", "iterations")]
        count = next(filter(None, counts), None)
        total_s, time_text = group.figure("total_time", "total"), group.text("total_time", "total")
        if count is None or total_s is None:
            continue
        found = exact(float(count)) / total_s
        printed = group.text("request_throughput", "mean")
        if printed is not None:
            unit = group.unit("request_throughput")
            yield compared("requests over time", group.words, f"{count} / {time_text} s", found, printed, unit)
        bar = group.text(PROGRESS, "mean")
        if bar is not None and group.unit(PROGRESS) == "it/s":
            yield compared("progress bar", group.words, f"{count} / {time_text} s", found, bar, "it/s")
        elif bar is not None:
            formula = f"{time_text} s / {count}"
            yield compared("progress bar", group.words, formula, total_s / exact(float(count)), bar, "s/it")
            mean = group.figure("latency", "mean")
            if mean is not None:
                yield compared("progress bar", group.words, f"the printed mean, {mean.value:g} s", mean, bar, "s/it")


def parts_of_requests(paper: Paper) -> Iterator[Check]:
    """A load tool's own sums: bytes of an answer, requests in its histogram, the parts of a mean request."""
    for group in paper.groups:
        count = group.text("responses", "count")
        if count is None:
            continue
        answers = group.numbers("answers")
        if {"total", "mean"} <= answers.keys():
            found = rounded(answers["total"]) / exact(float(count))
            formula = f"{answers['total']} bytes / {count}"
            yield compared("bytes of an answer", group.words, formula, found, answers["mean"], "bytes")
        bins = [text for name, text in group.numbers("responses").items() if name.startswith("up to")]
        if bins:
            found = exact(sum(map(float, bins)))
            yield compared("requests in the histogram", group.words, " + ".join(bins), found, count, "requests")
        parts = [text for name in PARTS if (text := group.text(name, "mean")) is not None]
        mean = group.text("latency", "mean")
        if parts and mean is not None:
            found = total(map(rounded, parts))
            yield compared("parts of a mean request", group.words, f"({' + '.join(parts)}) s", found, mean, "s")


def tokens_per_request(paper: Paper) -> Iterator[Check]:
    """Tokens over requests; the same prompts must come to the same, on however many accelerators."""
    for family in alike(paper.groups, PLACEMENT):
        found: list[Rounded] = []
        for group in family:
            tokens, requests = group.figure("token_throughput", "mean"), group.figure("request_throughput", "mean")
            if tokens is None or requests is None:
                continue
            found.append(tokens / requests)
            formula = f"{tokens.value:g} tokens/s / {requests.value:g} requests/s"
            yield Check("tokens of a request", group.words, formula, DERIVED, found[-1], "tokens")
        if len(found) > 1:
            common = Rounded(found[0].value, max(one.low for one in found), min(one.high for one in found))
            same = common.low <= common.high
            values = ", ".join(f"{one.value:.1f}" for one in found)
            yield Check(
                "tokens of a request", "on every number of GPUs", f"{values}, as far as rounding tells",
                AGREES if same else DISAGREES, common if same else None, "tokens",
                note="the same prompts" if same else "unlike prompts, or unlike answers",
            )  # fmt: skip


CHECKS = (iterations, requests_over_time, parts_of_requests, tokens_per_request)
