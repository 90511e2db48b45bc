"""The re-analysis: of rows whose faults are known, and of the documents'."""

import pytest

from cotejo.command import ROOT
from cotejo.published.analysis import CHECKS, Study, findings, paper_of, sources, studies_of
from cotejo.published.check import (
    AGREES,
    COLUMNS,
    DERIVED,
    DISAGREES,
    SUPPORTED,
    TOO_FEW,
    UNSUPPORTED,
    UNTOLD,
    VERDICTS,
    Check,
    table,
)
from cotejo.published.claims import ALIKE, CLAIMS, Claim, claims
from cotejo.published.groups import WHAT, Group, Paper
from cotejo.published.rows import COLUMNS as ROW

CONFIG = ROOT / "config"
STUDIES = {study.name: study for study in studies_of(CONFIG)}


def group(words: str, *printed: tuple[str, str, str, str], **what: str) -> Group:
    """A group with these (metric, statistic, value, unit)."""
    key = dict.fromkeys(WHAT, "") | what
    rows = [
        dict.fromkeys(ROW, "") | key | dict(zip(("metric", "statistic", "value", "unit"), cells, strict=True))
        for cells in printed
    ]
    return Group("x", key, words, rows)


def found(*groups: Group, blocks=None, systems=None, logs=None) -> list[Check]:
    return [
        check
        for function in CHECKS
        for check in function(Paper("x", "", groups, blocks or {}, systems or {}, logs or {}))
    ]


def of(checks: list[Check], name: str) -> list[Check]:
    return [check for check in checks if check.check == name]


def verdicts(checks: list[Check], name: str) -> list[str]:
    return [check.verdict for check in of(checks, name)]


# Of known rows.


def passes(*times: str, mean: str, rate: str) -> Group:
    return group(
        "it",
        *((("wall_time", f"iteration{number}", time, "s")) for number, time in enumerate(times, start=1)),
        ("wall_time", "mean", mean, "s"),
        ("inference_rate", "mean", rate, "inf/s"),
        ("pairs", "count", "100", "requests"),
    )


def test_the_mean_of_cut_times_lies_up_to_a_second_above_them():
    assert verdicts(found(passes("10", "11", "12", mean="11.9", rate="8.40")), "mean of iterations") == [AGREES]
    assert verdicts(found(passes("10", "11", "12", mean="10.9", rate="9.17")), "mean of iterations") == [DISAGREES]
    assert verdicts(found(passes("10", "11", "12", mean="12.1", rate="8.26")), "mean of iterations") == [DISAGREES]


@pytest.mark.parametrize(
    ("rate", "verdict", "note"),
    [
        ("9.02", AGREES, ""),  # 100 / 11.090 is 9.017
        ("9.01", DISAGREES, "drops the further places"),
        ("9.1", DISAGREES, "beyond rounding"),
        ("9", AGREES, ""),
    ],
)
def test_a_rate_from_the_mean_time(rate, verdict, note):
    (check,) = of(found(passes("11", "11", "11", mean="11.090", rate=rate)), "rate of the mean time")
    assert (check.verdict, check.formula) == (verdict, "100 / 11.090 s")
    assert note in check.note


def test_a_cold_iteration_is_named_and_left_out():
    checks = found(passes("2193", "1893", "1892", mean="1993", rate="0.0502"))
    (spread,) = of(checks, "slowest over fastest iteration")
    assert spread.note.startswith("cold-first-repeat: 15.8 %")
    (rest,) = of(checks, "rate without the cold iteration")
    assert rest.found and rest.found.value == pytest.approx(100 / 1892.5)
    assert not of(found(passes("1893", "1893", "1892", mean="1893", rate="0.0528")), "rate without the cold iteration")
    assert verdicts(checks, "repeats for an interval") == [TOO_FEW]


def test_iterations_too_few_to_tell_a_difference():
    def placed(gpus: str, *times: str) -> Group:
        return group(
            gpus, *(("wall_time", f"iteration{n}", time, "s") for n, time in enumerate(times)), accelerators=gpus
        )

    name = "difference by a test on iterations"
    (three,) = of(found(placed("1", "10", "11", "12"), placed("2", "20", "21", "22")), name)
    assert (three.verdict, three.formula) == (TOO_FEW, "3 against 3 iterations")
    assert "p = 0.1," in three.note
    (four,) = of(found(placed("1", "10", "11", "12", "13"), placed("2", "20", "21", "22", "23")), name)
    assert four.verdict == DERIVED
    assert four.found and 1.5 < four.found.value < 2.2


def level(concurrency: str, rate: str, mean_us: str) -> Group:
    return group(
        concurrency, ("request_throughput", "mean", rate, "infer/s"), ("latency", "mean", mean_us, "us"),
        concurrency=concurrency,
    )  # fmt: skip


def test_littles_law_holds_within_five_percent():
    checks = of(found(level("4", "40", "100000"), level("8", "40", "150000")), "Little's law")
    assert [check.verdict for check in checks] == [AGREES, DISAGREES]
    assert [check.printed for check in checks] == ["4", "8"]
    assert checks[1].found and checks[1].found.value == pytest.approx(6)
    assert checks[1].note == "75.0 % of them (bound 5 %): 50.0 ms of each turn are in no latency"


def test_requests_over_time():
    right = group("r", ("request_throughput", "mean", "0.6585", "req/s"), ("total_time", "total", "75.9269", "s"),
                  ("responses", "count", "50", "requests"))  # fmt: skip
    wrong = group("w", ("request_throughput", "mean", "0.6587", "req/s"), ("total_time", "total", "75.9269", "s"),
                  ("responses", "count", "50", "requests"))  # fmt: skip
    assert verdicts(found(right, wrong), "requests over time") == [AGREES, DISAGREES]


def test_a_progress_bars_time_is_cut():
    cells = (("request_throughput", "mean", "0.98", "req/s"), ("total_time", "total", "101", "s"),
             ("prompts", "count", "100", "requests"))  # fmt: skip
    assert verdicts(found(group("plain", *cells)), "requests over time") == [DISAGREES]
    bar = found(group("bar", *cells, ("progress", "mean", "1.02", "s/it")))
    assert verdicts(bar, "requests over time") == verdicts(bar, "progress bar") == [AGREES]


def test_parts_of_a_load_tools_report():
    def report(mean: str, bytes_each: str, last: str) -> Group:
        return group(
            "r", ("responses", "count", "50", "requests"), ("responses", "up to 1.0 s", "49", "requests"),
            ("responses", "up to 2.0 s", last, "requests"), ("answers", "total", "27550", "bytes"),
            ("answers", "mean", bytes_each, "bytes"), ("connecting", "mean", "0.25", "s"),
            ("response_wait", "mean", "2.19", "s"), ("latency", "mean", mean, "s"),
        )  # fmt: skip

    names = ("parts of a mean request", "bytes of an answer", "requests in the histogram")
    right, wrong = found(report("2.44", "551", "1")), found(report("2.46", "552", "2"))
    assert [verdicts(right, name) for name in names] == [[AGREES]] * 3
    assert [verdicts(wrong, name) for name in names] == [[DISAGREES]] * 3


def tokens(gpus: str, tokens_per_s: str, rate: str) -> Group:
    return group(
        gpus, ("token_throughput", "mean", tokens_per_s, "tok/s"), ("request_throughput", "mean", rate, "req/s"),
        accelerators=gpus,
    )  # fmt: skip


def test_the_same_prompts_have_as_many_tokens():
    same = found(tokens("1", "1056.36", "2.32"), tokens("2", "446.75", "0.98"))
    assert verdicts(same, "tokens of a request") == [DERIVED, DERIVED, AGREES]
    other = found(tokens("1", "1056.36", "2.32"), tokens("2", "446.75", "0.90"))
    assert verdicts(other, "tokens of a request") == [DERIVED, DERIVED, DISAGREES]


def test_percentiles_rise_and_means_lie_within():
    falls = group("f", ("latency", "min", "4.8", "s"), ("latency", "p0", "0.0", "s"), ("latency", "p50", "5.0", "s"),
                  ("latency", "mean", "5.5", "s"), ("latency", "max", "6.0", "s"))  # fmt: skip
    (check,) = of(found(falls), "rising percentiles")
    assert (check.verdict, check.printed, check.formula) == (DISAGREES, "0.0", "min ≤ p0")
    assert verdicts(found(falls), "mean within its range") == [AGREES]
    outside = group("o", ("connecting", "mean", "0.1", "s"), ("connecting", "min", "4.8", "s"),
                    ("connecting", "max", "6.0", "s"), ("latency", "min", "4.8", "s"),
                    ("latency", "max", "6.0", "s"))  # fmt: skip
    (check,) = of(found(outside), "mean within its range")
    assert check.verdict == DISAGREES
    assert check.note.endswith("both are those of whole requests")


def test_samples_for_percentiles():
    latencies = [("latency", name, "1.0", "s") for name in ("p50", "p90", "p95", "p99")]
    counted = found(group("c", *latencies, ("responses", "count", "90", "requests")))
    assert verdicts(counted, "samples for a percentile") == [AGREES, AGREES, AGREES, TOO_FEW]
    assert verdicts(found(group("u", *latencies)), "samples for a percentile") == [AGREES, UNTOLD, UNTOLD, UNTOLD]


def rate(gpus: str, value: str, run: str = "") -> Group:
    one = group(gpus, ("request_throughput", "mean", value, "req/s"), accelerators=gpus)
    return Group(one.study, one.what, one.words, [{**row, "run": run} for row in one.rows])


def test_a_speed_up_names_its_base_and_what_else_differs():
    blocks = {
        "plain": {"name": "plain", "batching": "none"},
        "both": {"name": "both", "batching": "dynamic", "device": "cuda"},
    }
    (check,) = of(found(rate("1", "2.0", "plain"), rate("2", "3.0", "both"), blocks=blocks), "speed-up, requests/s")
    assert check.found and check.found.value == 1.5
    assert check.note == "base: 1; 75.0 % of each GPU; not like for like: batching differ too"
    assert verdicts(found(rate("2", "3.0")), "speed-up, requests/s") == [UNTOLD]
    (missing,) = of(found(rate("1", "-"), rate("2", "3.0")), "speed-up, requests/s")
    assert (missing.verdict, missing.note) == (UNTOLD, "no number is printed of 1")


def test_of_times_a_speed_up_is_the_other_way_round():
    def trained(gpus: str, time_s: str, memory: str) -> Group:
        return group(
            gpus,
            ("train_time", "approx", time_s, "s"),
            ("gpu_memory_per_node", "peak", memory, "GB"),
            accelerators=gpus,
        )

    checks = found(trained("1", "742", "3"), trained("3", "922", "5"))
    (speed,) = of(checks, "speed-up, training time")
    assert speed.found and speed.found.value == pytest.approx(742 / 922)
    (memory,) = of(checks, "memory of each GPU")
    assert memory.found and memory.found == pytest.approx((5 / 3, 4.5 / 3.5, 5.5 / 2.5))
    hours = [check.found.value for check in of(checks, "GPU-hours of a training") if check.found]
    assert hours == pytest.approx([742 / 3600, 3 * 922 / 3600])
    (without,) = of(found(trained("1", "-", "OOM"), trained("3", "N/A", "21")), "memory of each GPU")
    assert (without.verdict, without.note) == (UNTOLD, "base: 1, printed as OOM")


def test_rows_without_a_number_and_blocks_without_a_row():
    dash, oom = rate("2", "-"), group("o", ("gpu_memory_per_node", "peak", "OOM", "GB"), accelerators="4")
    checks = found(dash, oom, rate("1", "2.0", "plain"), blocks={"plain": {}, "extra": {}})
    assert [check.note for check in of(checks, "row without a number")] == ["printed as “-”"]
    assert [check.subject for check in of(checks, "row that the study adds")] == ["extra"]


def test_vcpus_of_a_machine():
    def machine(vcpus: str) -> Group:
        cells = (("cores_per_socket", "56", "cores"), ("sockets", "2", "sockets"), ("vcpus", vcpus, "vCPUs"))
        return group(vcpus, *((metric, "count", value, unit) for metric, value, unit in cells))

    assert verdicts(found(machine("224"), machine("112")), "vCPUs of a machine") == [AGREES, DISAGREES]


def test_looks_of_a_log():
    lines = [
        {"gpu": gpu, "utilisation_percent": busy, "rx_mb_per_s": 10.0, "tx_mb_per_s": sent}
        for gpu, busy, sent in ((0, 100.0, 0.0), (1, 0.0, 0.0), (0, 40.0, 2000.0), (1, 60.0, 0.0))
    ]
    checks = found(logs={"a.txt": lines})
    (looks,), (busy,), (traffic,) = (
        of(checks, name) for name in ("looks of a log", "work of all GPUs together", "PCIe traffic of a GPU")
    )
    assert looks.found_text == "2"
    assert busy.found and busy.found.value == 100
    assert busy.note == "1 of 2 looks saw all of them at work"
    assert traffic.found and traffic.found.value == pytest.approx(2040 / 4)
    assert traffic.note == "1 of 8 values are over 1,000 MB/s, the greatest is 2,000"


@pytest.mark.parametrize(("expects", "verdict"), [("more", SUPPORTED), ("less", UNSUPPORTED), (ALIKE, UNSUPPORTED)])
def test_a_statement_against_the_numbers(expects, verdict):
    paper = Paper("x", "", [rate("1", "2.0"), rate("2", "3.0")], {}, {}, {})
    stated = Claim("x", "faster", "request_throughput", "mean", {"accelerators": "2"}, {"accelerators": "1"}, expects)
    (check,) = claims(paper, (stated,))
    assert check.verdict == verdict
    assert check.note.startswith("2, against 1: 50.0 % more")


def test_what_rounding_leaves_open_supports_nothing():
    paper = Paper("x", "", [rate("1", "3"), rate("2", "4")], {}, {}, {})
    stated = Claim("x", "faster", "request_throughput", "mean", {"accelerators": "2"}, {"accelerators": "1"}, "more")
    assert next(claims(paper, (stated,))).verdict == UNSUPPORTED  # 3.5 is both


def test_a_statement_of_what_is_not_printed():
    stated = Claim("x", "batched", "batch_size", "mean", {}, {}, "more")
    (check,) = claims(Paper("x", "", [rate("1", "3")], {}, {}, {}), (stated,))
    assert (check.verdict, check.note) == (UNTOLD, "the document prints no batch size")


# Of the documents.


@pytest.fixture(scope="module")
def documents() -> dict[str, list[Check]]:
    return {name: list(findings(paper_of(study, CONFIG))) for name, study in STUDIES.items()}


def test_every_document_is_there(documents):
    assert set(documents) == {
        "edge-cloud", "ccad-llava-a30", "chameleon-blip-triton", "cml-vllm-ray", "cml-t5-deepspeed", "multimodal-cloud",
    }  # fmt: skip


def test_llavas_rates_from_their_mean_times(documents):
    checks = [check for check in of(documents["ccad-llava-a30"], "rate of the mean time") if len(check.printed) == 5]
    assert [check.found_text for check in checks] == ["3.0512", "2.7845", "2.0307", "4.4591", "4.2122", "2.6746"]
    assert [check.printed for check in checks] == ["3.051", "2.784", "2.031", "4.459", "4.212", "2.674"]
    assert [check.verdict for check in checks] == [AGREES] * 5 + [DISAGREES]
    assert checks[-1].note == "the document drops the further places instead of rounding"


def test_every_disagreement_of_the_documents(documents):
    """Worked out by hand: see each formula."""
    said = {
        (name, check.check, check.printed)
        for name, checks in documents.items()
        for check in checks
        if check.verdict == DISAGREES
    }
    assert said == {
        ("ccad-llava-a30", "rate of the mean time", "2.674"),  # 6081 / 2273.64 = 2.6746
        ("chameleon-blip-triton", "Little's law", "1"),  # 10.2532 x 0.092589 = 0.949
        ("chameleon-blip-triton", "Little's law", "2"),  # 20.5319 x 0.092205 = 1.893; 21.456 x 0.088377 = 1.896
        ("cml-vllm-ray", "progress bar", "23.71"),  # the mean is 23.70484
        ("cml-vllm-ray", "rising percentiles", "0.0000"),  # "0% in 0.0000 secs", twice
        ("cml-vllm-ray", "mean within its range", "0.1178"),  # hey's DNS+dialup has the whole requests' extremes
        ("cml-vllm-ray", "mean within its range", "0.2497"),
    }
    assert sum(check.verdict == DISAGREES for checks in documents.values() for check in checks) == 9


def test_littles_law_of_every_triton_row(documents):
    checks = of(documents["chameleon-blip-triton"], "Little's law")
    assert len(checks) == 22
    assert checks[0].found and checks[0].found.value == pytest.approx(10.2532 * 0.092589)


def test_heys_requests_a_second(documents):
    checks = [check for check in of(documents["cml-vllm-ray"], "requests over time") if "hey" in check.subject]
    assert [(check.formula, check.printed, check.verdict) for check in checks] == [
        ("50 / 75.9269 s", "0.6585", AGREES), ("50 / 25.1643 s", "1.9869", AGREES),
    ]  # fmt: skip


def test_the_first_request_of_each_connection_makes_heys_tail(documents):
    slow = {check.subject: check.found_text for check in of(documents["cml-vllm-ray"], "over twice the median")}
    assert slow == {"vicuna-13b-v1.3, 1 GPU, hey": "5", "vicuna-13b-v1.3, 4 GPUs, hey": "0"}


def test_statements_that_the_numbers_do_not_bear_out(documents):
    said = [
        (name, check.subject) for name, checks in documents.items() for check in checks if check.verdict == UNSUPPORTED
    ]
    assert [name for name, _ in said] == ["ccad-llava-a30", "cml-vllm-ray"]
    assert said[1][1] == "“Using TP would achieve high throughput”"


def test_every_claim_is_of_a_document_and_picks_its_rows(documents):
    assert {claim.study for claim in CLAIMS} <= set(documents)
    assert sum(len(of(checks, "statement")) for checks in documents.values()) == len(CLAIMS)
    untold = [
        check.formula for checks in documents.values() for check in of(checks, "statement") if check.verdict == UNTOLD
    ]
    assert untold == ["batch_size", "network_rate"]


def test_the_table_of_findings(documents):
    lines = table([("ccad-llava-a30", check) for check in documents["ccad-llava-a30"]])
    assert tuple(lines.columns) == COLUMNS
    assert set(lines["verdict"]) <= set(VERDICTS)
    (line,) = lines.query("verdict == 'disagrees'").to_dict("records")
    assert (line["printed"], line["unit"], line["formula"]) == ("2.674", "inf/s", "6081 / 2273.64 s")
    assert 2.6745 < float(line["found_low"]) < float(line["found"]) < float(line["found_high"]) < 2.6746


def test_what_the_page_is_made_from():
    files = sources(CONFIG)
    assert (CONFIG / "published/ccad-llava-a30.csv").as_posix() in files
    assert (CONFIG / "studies/ccad-llava-a30.yaml").as_posix() in files
    assert (CONFIG / "systems/nodoai.yaml").as_posix() in files
    assert not [name for name in files if "demo" in name]
    assert isinstance(STUDIES["edge-cloud"], Study)
