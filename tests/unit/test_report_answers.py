"""The sentences on top of a report, from tables whose answer is known; its differences have tests of their own."""

import re
from typing import Any

from answers_example import ONE, PUBLISHABLE, SIX, STUDY, TWO, said, times
from cost_example import priced, published, published_row
from record_example import RECORD, changed
from summary_example import failed, measured, not_measured, served, summary, without_value

from cotejo.report.answers import answers, environments_of
from cotejo.standing import compare_published


class TestBest:
    def test_the_fastest_by_test(self) -> None:
        [text] = said(measured(SIX, **PUBLISHABLE), measured(times(2), cores="1", run="b", **PUBLISHABLE), topic="best")
        assert (
            text
            == "Text generation, tinyllama-1.1b-chat: 1 core was the fastest of 2 results: 200 tokens/s (198 to 204)."
        )

    def test_one_result_is_just_told(self) -> None:
        [text] = said(measured(SIX, **PUBLISHABLE), topic="best")
        assert text == "Text generation, tinyllama-1.1b-chat: text reached 100 tokens/s (99.0 to 102)."

    def test_a_training_is_told_with_its_time_and_memory(self) -> None:
        of = {
            "task": "fine-tuning",
            "model": "t5-small",
            "name": "plain",
            "better": "lower",
            "device": "cuda",
            "accelerators": "2",
            **PUBLISHABLE,
        }
        took = measured(SIX, metric="train_s", unit="s", **of)
        memory = measured(times(10), metric="gpu_memory_peak_mib", unit="MiB", source="telemetry", **of)
        sharded = {"run": "b", "name": "zero", "split": "zero1"}
        halved = (
            measured(times(2), metric="train_s", unit="s", **{**of, **sharded}),
            measured(times(5), metric="gpu_memory_peak_mib", unit="MiB", source="telemetry", **{**of, **sharded}),
        )
        rows = (took, memory, *halved)
        [text] = said(*rows, topic="best")
        assert (
            "plain was the fastest of 2 results: training time 100 s (99.0 to 102), peak memory (GPU) 1,002 MiB" in text
        )
        [text] = said(*rows, topic="difference")
        assert "zero (ZeRO-1) was slower than plain (not divided): 2.00 x the training time" in text
        assert re.search(r"; 0\.500 x the peak memory \(GPU\) \(0\.4\d+ to 0\.5\d+\)\.$", text)


class TestServed:
    LEVELS = tuple(
        served(metric, value, level, **PUBLISHABLE)
        for level, rate, latency_ms in ((1, 10.0, 100.0), (4, 30.0, 133.0), (8, 28.0, 285.0))
        for metric, value in (("requests_per_s", rate), ("latency_p50_ms", latency_ms))
    )

    def test_the_best_level_with_its_latency(self) -> None:
        [text] = said(*self.LEVELS, topic="best")
        assert "cpu at 4 at once was the fastest of 3 results: 30.1 requests/s" in text
        assert "median latency 134 ms" in text

    def test_what_more_at_once_does(self) -> None:
        [text] = said(*self.LEVELS, topic="difference")
        assert "4 at once against 1 at once: 3.00 x the throughput" in text and "; 1.33 x the median latency" in text

    def test_servers_are_compared_at_the_highest_load_that_both_had(self) -> None:
        others = [{**row, "run": "b", "server": "vllm"} for row in self.LEVELS if row["level"] != "concurrency-8"]
        faster = [{**row, "values": " ".join(str(2 * float(v)) for v in row["values"].split())} for row in others]
        [text] = [text for text in said(*self.LEVELS, *faster, topic="difference") if "vllm was" in text]
        assert text.startswith(
            "Image captioning, closed loop, 4 at once: vllm was faster than triton: 2.00 x the throughput"
        )

    def test_of_an_open_load_the_latency_is_told_and_not_the_rate(self) -> None:
        rows = [
            served(metric, value * factor, 5, load="open", run=server, server=server)
            for server, factor in {"triton": 1.0, "vllm": 0.5}.items()
            for metric, value in (("requests_per_s", 5 / factor), ("latency_p50_ms", 80.0))
        ]
        [text] = said(*rows, topic="difference")
        assert (
            "open loop, 5/s: vllm was faster than triton: 0.500 x the median latency" in text
            and "throughput" not in text
        )
        assert not said(*rows, topic="best")


class TestWorth:
    def test_what_holds_of_all_is_said_once(self) -> None:
        texts = said(measured(SIX), measured(times(2), run="b", cores="1"))
        assert texts[0] == (
            "Nothing here is publishable: all 2 results are smoke. True of all: synthetic weights (random, so it never "
            "counts as reproduced); small scale."
        )
        assert not any("synthetic" in text or "smoke" in text for text in texts[1:])

    def test_what_holds_of_some_is_said_of_them(self) -> None:
        rows = (
            measured(SIX, verdict="noisy", marks="synthetic; stand-in; cpu instead of one GPU"),
            measured(times(2), run="b", cores="1", verdict="publishable", marks="synthetic"),
        )
        texts = said(*rows)
        assert texts[0].startswith("Of 2 results 1 are publishable, 1 is noisy. True of all: synthetic weights")
        assert texts[1].endswith("n = 6 [noisy; a stand-in that imitates the server; cpu instead of one GPU].")
        assert texts[2].endswith("1 core was the fastest of 2 results: 200 tokens/s (198 to 204).")

    def test_all_publishable(self) -> None:
        assert said(ONE, TWO, topic="caution") == ["All 2 results are publishable."]

    def test_failures_with_their_reasons(self) -> None:
        rows = (
            measured(SIX),
            failed("parity", run="b", precision="int4"),
            failed("out-of-memory", run="c", name="large", model="llama-2-7b-chat"),
            measured(SIX[:5], run="d", cores="1", failures=1.0),
            without_value(served("requests_per_s", 9, 4, run="e", name="web"), "no request succeeded", "failed"),
        )
        assert said(*rows, topic="failures") == [
            "large ran out of memory in all 6 attempts: that is its result.",
            "1 of 5 runs failed: parity (text, int4, all cores).",
            "1 load level failed: web at 4 at once (no request succeeded).",
            "Some repeats failed of text, int8, 1 core (1 of 6); what is said of them is of the others.",
        ]

    def test_what_was_not_measured(self) -> None:
        rows = (
            measured(SIX),
            not_measured(run="b", name="two", needs="2 GPUs", reasons="needs 2 GPUs"),
            not_measured(run="c", name="same", measured_as="text_openvino_int8"),
        )
        assert said(*rows, topic="gaps") == ["1 run was not measured: needs 2 GPUs (two)."]

    def test_nothing_at_all(self) -> None:
        assert said(topic="caution") == ["Nothing has been measured."]
        assert said() == ["Nothing has been measured."]


class TestBesideAndCost:
    MEASURED = served("requests_per_s", 20.0, 4, system="cloud", **PUBLISHABLE)

    def compared(self, *rows: dict[str, Any], tolerance: float = 10.0) -> Any:
        return compare_published(published(*rows), summary(self.MEASURED), tolerance)

    def test_the_standings_counted_with_their_reasons(self) -> None:
        like = {"client": "cotejo", "run": "cpu"}
        table = self.compared(
            published_row(**like, value="20", in_ours=20.0),
            published_row(**like, value="10", in_ours=10.0, concurrency="4", metric="other"),
            published_row(run="", value="9", in_ours=9.0),
        )
        texts = said(self.MEASURED, comparison=table, topic="published")
        assert texts[0] == (
            "Of 3 published values 1 is reproduced within 10 %, 1 is faster and 1 is not measured "
            "(no run of the study re-measures it)."
        )
        assert texts[1].startswith(
            "Faster than published: cpu, throughput, on cloud: 20.1 against 10.0 requests/s, 2.01 x"
        )

    def test_the_cheapest_with_its_interval(self) -> None:
        rows = measured(SIX, system="own"), measured(times(0.5), system="cloud")
        texts = said(*rows, cost=priced(summary(*rows)), topic="cost")
        assert texts[0].startswith(
            "Text generation, tinyllama-1.1b-chat: by these rates Own server costs least per million tokens: "
            "5.96 USD (5.86 to 6.03)."
        )
        assert texts[1].startswith(
            "For text (openvino, int8): owning Own server costs less than renting Cloud instance once "
        )

    def test_costs_that_the_test_cannot_tell_apart(self) -> None:
        rows = measured(SIX, system="cloud"), measured(times(1.001, SIX[::-1]), system="cloud", run="b", cores="1")
        [text] = said(*rows, cost=priced(summary(*rows)), topic="cost")
        assert "the lowest median cost per million tokens is that of Cloud instance, 1 core" in text
        assert "not told apart from it, or too few repeats to tell: Cloud instance, all cores" in text

    def test_without_a_price_nothing_is_said_of_costs(self) -> None:
        assert not said(measured(SIX, system="free"), cost=priced(summary(measured(SIX, system="free"))), topic="cost")


def test_the_same_tables_give_the_same_sentences() -> None:
    assert answers(STUDY, [], summary(ONE, TWO)) == answers(STUDY, [], summary(ONE, TWO))


def test_environments_by_the_digest_that_a_summary_has() -> None:
    other = changed(RECORD, environment__machine__cpu="Another")
    found = environments_of([RECORD, RECORD, other])
    assert len(found) == 2 and {key["cpu"] for key in found.values()} >= {"Another"}
