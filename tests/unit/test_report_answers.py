"""The sentences on top of a report, from tables whose answer is known."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from cost_example import priced, published, published_row
from record_example import RECORD, changed
from summary_example import failed, measured, not_measured, served, summary, without_value

from cotejo.report.answers import MOST, answers, environments_of
from cotejo.standing import compare_published

STUDY = {"tolerance_percent": 10.0}
SIX = (100.0, 101.0, 99.0, 100.5, 99.5, 102.0)
PUBLISHABLE = {"verdict": "publishable", "reasons": "", "marks": ""}


def said(*rows: dict[str, Any], topic: str = "", sheet: Sequence[dict[str, str]] = (), **tables: Any) -> list[str]:
    """The sentences, of one topic or all, with plain spaces."""
    found = answers(STUDY, sheet, summary(*rows), **tables)
    return [one["text"].replace("\u00a0", " ") for one in found if topic in ("", one["topic"])]


def times(factor: float, values: Sequence[float] = SIX) -> list[float]:
    return [value * factor for value in values]


def line(row: dict[str, Any], **options: str) -> dict[str, str]:
    """A run's line in the sheet, with options that the summary has no column for."""
    return {"id": row["run"], "digest": row["digest"], **options}


def claims(texts: Sequence[str]) -> list[str]:
    return [
        text for text in texts if re.search(r"was (faster|slower) than|were (faster|slower) than|was the fastest", text)
    ]


ONE = measured(SIX, run="tp1", name="tp1", device="cuda", accelerators="1", **PUBLISHABLE)
TWO = measured(
    times(0.42), run="tp2", name="tp2", device="cuda", accelerators="2", split="tensor_parallel", **PUBLISHABLE
)


class TestDifferences:
    def test_a_known_ratio_with_its_interval(self) -> None:
        [text] = said(ONE, TWO, topic="difference")
        assert text.startswith(
            "Text generation: tp2 (2 GPUs, tensor parallel) was slower than tp1 (1 GPU): 0.420 × the throughput "
            "(42.1 against 100 tokens/s), 95 % interval 0.4"
        )
        low, high = map(float, re.search(r"interval (\S+) to (\S+), n = 6", text).groups())  # type: ignore[union-attr]
        assert 0.40 < low < 0.42 < high < 0.44

    def test_less_of_a_time_is_faster(self) -> None:
        took = {"metric": "real_time_factor", "unit": "s/s", "better": "lower"}
        rows = measured(SIX, **took), measured(times(0.5), backend="openvino-genai", run="b", **took)
        [text] = said(*rows, topic="difference")
        assert "openvino-genai was faster than openvino: 0.500 × the real-time factor" in text

    def test_what_the_test_cannot_tell_apart_is_not_claimed(self) -> None:
        other = measured(times(1.001, SIX[::-1]), backend="openvino-genai", run="b")
        texts = said(ONE | {"accelerators": "", "device": "cpu", "name": "text"}, other | PUBLISHABLE)
        assert any(
            "openvino and openvino-genai could not be told apart: 1.00 × the throughput" in text for text in texts
        )
        assert any("had the best median of 2 results" in text and "not told apart from it" in text for text in texts)
        assert not claims(texts)

    @pytest.mark.parametrize("repeats", [1, 2, 3])
    def test_too_few_repeats_are_no_claim(self, repeats: int) -> None:
        texts = said(measured(SIX[:repeats]), measured(times(9)[:repeats], backend="openvino-genai", run="b"))
        assert not claims(texts) and not any("95 %" in text for text in texts)
        assert any(
            "too few for an interval, which needs 6, and for a comparison, which needs 4" in text for text in texts
        )
        assert any("1 comparison, each with fewer than 4 repeats" in text for text in texts)

    def test_where_nothing_differs_few_claims_are_made(self) -> None:
        drawn = np.random.default_rng(8)
        made = 0
        for _ in range(200):
            one, other = (drawn.lognormal(3, 0.05, 6).tolist() for _ in range(2))
            texts = said(measured(one), measured(other, backend="openvino-genai", run="b"), topic="difference")
            made += len(claims(texts))
        assert 2 <= made <= 20  # exact level: 4.1 % of 200

    def test_only_rows_alike_in_all_but_one_axis_are_compared(self) -> None:
        both = measured(times(2), backend="openvino-genai", precision="int4", run="b")
        assert not said(measured(SIX), both, topic="difference")
        assert len(said(measured(SIX), both | {"precision": "int8"}, topic="difference")) == 1

    @pytest.mark.parametrize(
        "unlike",
        [{"dataset": "photos"}, {"weights": "hub"}, {"scale": "full"}, {"instead_of": "device=cuda; accelerators=1"}],
        ids=str,
    )
    def test_unlike_work_is_never_compared(self, unlike: dict[str, str]) -> None:
        other = measured(times(2), backend="openvino-genai", run="b", **unlike)
        assert not said(measured(SIX), other, topic="difference")

    def test_an_option_that_only_the_sheet_tells_is_an_axis_of_its_own(self) -> None:
        rows = measured(SIX), measured(times(2), run="b"), measured(times(3), run="c", backend="openvino-genai")
        sheet = [line(rows[0], new_tokens="16"), line(rows[1], new_tokens="64"), line(rows[2], new_tokens="99")]
        [text] = said(*rows, topic="difference", sheet=sheet)
        assert "new_tokens 64 was faster than new_tokens 16: 2.00 ×" in text

    def test_options_that_only_one_of_two_servers_has_come_with_it(self) -> None:
        rows = served("requests_per_s", 10, 4), served("requests_per_s", 30, 4, run="b", server="vllm")
        [text] = said(*rows, topic="difference", sheet=[line(rows[0], batching="none"), line(rows[1], eager="True")])
        assert "vllm was faster than triton: 3.00 × the throughput" in text and "differ" not in text

    def test_blocks_that_no_axis_joins_are_compared_with_all_that_differs(self) -> None:
        rows = (
            measured(SIX, name="a", run="a"),
            measured(times(5), name="b", run="b", backend="openvino-genai", cores="1"),
        )
        [text] = said(*rows, topic="difference", sheet=[line(rows[0], new_tokens="16"), line(rows[1], new_tokens="64")])
        assert "b (openvino-genai, 1 core) was faster than a (openvino, all cores): 5.00 ×" in text
        assert text.endswith("They also differ in new_tokens 16 against 64.")

    def test_machines_are_an_axis_of_the_same_run_alone(self) -> None:
        rows = measured(SIX, system="edge"), measured(times(2), system="cloud", environment="b")
        [text] = said(*rows, topic="difference")
        assert "cloud was faster than edge: 2.00 ×" in text
        other = measured(times(2), system="cloud", run="b", backend="openvino-genai")
        assert not said(rows[0], other, topic="difference")

    def test_two_drivers_of_one_machine_are_two_machines(self) -> None:
        rows = measured(SIX, environment="aaaaaa"), measured(times(2), run="b", backend="pytorch", environment="bbbbbb")
        alike = {"aaaaaa": {"cpu": "X", "driver": ["1"]}, "bbbbbb": {"cpu": "X", "driver": ["1"]}}
        assert len(said(*rows, topic="difference", environments=alike)) == 1
        assert not said(*rows, topic="difference", environments={**alike, "bbbbbb": {"cpu": "X", "driver": ["2"]}})

    def test_a_run_of_several_environments_is_not_compared(self) -> None:
        rows = measured(SIX), measured(SIX, environment="b"), measured(times(2), run="b", backend="pytorch")
        assert not said(*rows, topic="difference")

    def test_the_reference_is_the_first_of_the_study_and_the_largest_effect_is_told(self) -> None:
        rows = [
            measured(times(factor), precision=precision, run=precision)
            for precision, factor in {"fp16": 1.0, "int8": 2.0, "int4": 3.0}.items()
        ]
        [text] = said(*rows, topic="difference")
        assert "int4 was faster than fp16: 3.00 ×" in text
        [further] = said(*rows, topic="further")
        assert further.startswith("1 further comparison, each settled. The values stand under Results.")
        assert "one test in 20 still says so, and 2 were made" in further

    def test_no_more_sentences_than_people_read(self) -> None:
        tasks = ["text-generation", "video-segmentation", "speech-recognition", "image-captioning", "fine-tuning"]
        rows = [
            measured(times(factor), run=f"{task}{backend}{cores}", task=task, backend=backend, cores=cores)
            for task in tasks
            for backend, factor in {"openvino": 1.0, "pytorch": 0.4}.items()
            for cores in ("1", "2", "all")
        ]
        assert len(said(*rows, topic="difference")) + len(said(*rows, topic="best")) == MOST
        texts = said(*rows, topic="further")
        assert texts[0] == "The best of 1 further kind of work stands under Results."
        assert texts[1].startswith("31 further comparisons: ")


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
        of = {"task": "fine-tuning", "model": "t5-small", "name": "plain", "better": "lower", **PUBLISHABLE}
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
        assert "zero (ZeRO-1) was slower than plain: 2.00 × the training time" in text
        assert re.search(r"; 0\.500 × the peak memory \(GPU\) \(0\.4\d+ to 0\.5\d+\)\.$", text)


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
        assert "4 at once against 1 at once: 3.00 × the throughput" in text and "; 1.33 × the median latency" in text

    def test_servers_are_compared_at_the_highest_load_that_both_had(self) -> None:
        others = [{**row, "run": "b", "server": "vllm"} for row in self.LEVELS if row["level"] != "concurrency-8"]
        faster = [{**row, "values": " ".join(str(2 * float(v)) for v in row["values"].split())} for row in others]
        [text] = [text for text in said(*self.LEVELS, *faster, topic="difference") if "vllm was" in text]
        assert text.startswith("Image captioning, 4 at once: vllm was faster than triton: 2.00 × the throughput")

    def test_of_an_open_load_the_latency_is_told_and_not_the_rate(self) -> None:
        rows = [
            served(metric, value * factor, 5, load="open", run=server, server=server)
            for server, factor in {"triton": 1.0, "vllm": 0.5}.items()
            for metric, value in (("requests_per_s", 5 / factor), ("latency_p50_ms", 80.0))
        ]
        [text] = said(*rows, topic="difference")
        assert "5/s: vllm was faster than triton: 0.500 × the median latency" in text and "throughput" not in text
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
            "Faster than published: cpu, throughput, on cloud: 20.1 against 10.0 requests/s, 2.01 ×"
        )

    def test_the_cheapest_with_its_interval(self) -> None:
        rows = measured(SIX, system="own"), measured(times(0.5), system="cloud")
        texts = said(*rows, cost=priced(summary(*rows)), topic="cost")
        assert texts[0].startswith(
            "Text generation, tinyllama-1.1b-chat: by these rates the cheapest million tokens is that of Own server: "
            "5.96 USD (5.85 to 6.03)."
        )
        assert texts[1].startswith("For text, owning Own server costs less than renting Cloud instance from ")

    def test_costs_that_the_test_cannot_tell_apart(self) -> None:
        rows = measured(SIX, system="cloud"), measured(times(1.001, SIX[::-1]), system="cloud", run="b", cores="1")
        [text] = said(*rows, cost=priced(summary(*rows)), topic="cost")
        assert "the lowest median cost of million tokens" not in text
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
