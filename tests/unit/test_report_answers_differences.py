"""Which differences the top of a report tells of, and how it says so."""

import re

import numpy as np
import pytest
from answers_example import ONE, PUBLISHABLE, SIX, TWO, claims, line, said, times
from summary_example import measured, served

from cotejo.report.answers import MOST


class TestDifferences:
    def test_a_known_ratio_with_its_interval(self) -> None:
        [text] = said(ONE, TWO, topic="difference")
        assert text.startswith(
            "Text generation: tp2 (2 GPUs, tensor parallel) was slower than tp1 (1 GPU): 0.420 x the throughput "
            "(42.1 against 100 tokens/s), 95 % interval 0.4"
        )
        low, high = map(float, re.search(r"interval (\S+) to (\S+), n = 6", text).groups())  # type: ignore[union-attr]
        assert 0.40 < low < 0.42 < high < 0.44

    def test_less_of_a_time_is_faster(self) -> None:
        took = {"metric": "real_time_factor", "unit": "s/s", "better": "lower"}
        rows = measured(SIX, **took), measured(times(0.5), backend="openvino-genai", run="b", **took)
        [text] = said(*rows, topic="difference")
        assert "openvino-genai was faster than openvino: 0.500 x the real-time factor" in text

    def test_what_the_test_cannot_tell_apart_is_not_claimed(self) -> None:
        other = measured(times(1.001, SIX[::-1]), backend="openvino-genai", run="b")
        texts = said(ONE | {"accelerators": "", "device": "cpu", "name": "text"}, other | PUBLISHABLE)
        assert any(
            "openvino and openvino-genai could not be told apart: 1.00 x the throughput" in text for text in texts
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
        assert any("1 comparison, with fewer than 4 repeats" in text for text in texts)

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
        assert "new_tokens 64 was faster than new_tokens 16: 2.00 x" in text

    def test_options_that_only_one_of_two_servers_has_come_with_it(self) -> None:
        rows = served("requests_per_s", 10, 4), served("requests_per_s", 30, 4, run="b", server="vllm")
        [text] = said(*rows, topic="difference", sheet=[line(rows[0], batching="none"), line(rows[1], eager="True")])
        assert "vllm was faster than triton: 3.00 x the throughput" in text and "differ" not in text

    def test_blocks_that_no_axis_joins_are_compared_with_all_that_differs(self) -> None:
        rows = (
            measured(SIX, name="a", run="a"),
            measured(times(5), name="b", run="b", backend="openvino-genai", cores="1"),
        )
        [text] = said(*rows, topic="difference", sheet=[line(rows[0], new_tokens="16"), line(rows[1], new_tokens="64")])
        assert "b (openvino-genai, 1 core) was faster than a (openvino, all cores): 5.00 x" in text
        assert text.endswith("They also differ in new_tokens 16 against 64.")

    def test_machines_are_an_axis_of_the_same_run_alone(self) -> None:
        rows = measured(SIX, system="edge"), measured(times(2), system="cloud", environment="b")
        [text] = said(*rows, topic="difference")
        assert "cloud was faster than edge: 2.00 x" in text
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
        assert "int4 was faster than fp16: 3.00 x" in text
        [further] = said(*rows, topic="further")
        assert further.startswith("1 further comparison, settled. The values stand under Results. 2 differences")

    def test_the_luckiest_of_many_is_no_claim(self) -> None:
        """Where nothing differs, several of 200 tests say so; no sentence repeats them."""
        drawn = np.random.default_rng(8)
        rows = [
            measured(drawn.lognormal(3, 0.05, 6).tolist(), run=f"{n}{backend}", dataset=f"prompts-{n}", backend=backend)
            for n in range(200)
            for backend in ("openvino", "pytorch")
        ]
        assert not claims(said(*rows, topic="difference"))
        further = said(*rows, topic="further")[-1]
        by_themselves = re.search(r"(\d+) settled only by its own test", further)
        assert by_themselves and 2 <= int(by_themselves[1]) <= 20 and "200 differences were tested" in further

    def test_one_true_difference_among_equals_is_claimed(self) -> None:
        rows = [measured(times(1 + 1e-4 * n, SIX), run=f"r{n}", cores=str(n)) for n in range(1, 9)]
        texts = said(*rows, measured(times(3), run="b", cores="9"), topic="difference")
        assert len(claims(texts)) == 1 and "9 cores were faster than 1 core: 3.00 x" in texts[0]

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
