import pytest

from cotejo.command import ROOT
from cotejo.study import load_study
from cotejo.terminal import words
from cotejo.terminal.causes import cause, cause_in
from cotejo.terminal.runs import distinct_words, run_words


def test_every_rule_that_has_words_exists_and_its_wildcards_are_its_own():
    texts = "\n".join(path.read_text() for path in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
    for rule in words._STEPS:
        assert f"rule {rule}:" in texts, rule


@pytest.mark.parametrize(
    ("rule", "wildcards", "told"),
    [
        (
            "export_openvino",
            {"model": "blip", "precision": "int8", "scale": "full"},
            "exporting blip to OpenVINO, int8",
        ),
        ("launch_server", {"run": "chat_vllm~0123", "results": "x"}, "trying the server of chat_vllm"),
        ("export_new_format", {"model": "blip"}, "export new format (blip)"),
        ("all", {}, "all"),
    ],
)
def test_a_step_is_told_by_what_it_does(rule, wildcards, told):
    assert words.step_words(rule, wildcards) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(3, "10 s"), (44, "40 s"), (57, "1 min"), (250, "4 min"), (5000, "83 min"), (9000, "2.5 h"), (50_000, "14 h"),
     (300_000, "3 days")],
)  # fmt: skip
def test_what_nobody_knows_exactly_has_few_digits(seconds, told):
    assert words.coarse(seconds) == told


@pytest.mark.parametrize(
    ("low_s", "high_s", "told"),
    [(230, 250, "about 4 min"), (240, 540, "4 to 9 min"), (40, 130, "40 s to 2 min"), (240, None, "at least 4 min")],
)
def test_a_range_is_told_as_one(low_s, high_s, told):
    assert words.span(low_s, high_s) == told


def test_times_that_passed_are_told_exactly():
    assert [words.clock(seconds) for seconds in (7, 754, 3723)] == ["0:07", "12:34", "1:02:03"]
    assert [words.lasted(seconds) for seconds in (7, 245, 11_520)] == ["7 s", "4 min 5 s", "3 h 12 min"]
    assert [words.plural(count, noun) for count, noun in ((1, "repeat"), (0, "pass"), (1200, "step"))] == [
        "1 repeat", "0 passes", "1,200 steps",
    ]  # fmt: skip


def test_no_two_runs_of_a_study_have_the_same_words():
    for study, overlay in (("demo", ""), ("serving", ""), ("chameleon-blip-triton", "smoke"), ("cml-vllm-ray", "")):
        runs = load_study(study, overlay).runs
        told = distinct_words(runs)
        assert len(set(told.values())) == len(runs) == len(told)
    [text, *_] = load_study("demo").runs
    assert run_words(text) == "text-optimum, openvino int8, all cores"


def test_runs_that_look_alike_are_told_by_what_they_differ_in():
    run = {"name": "chat", "system": "local", "backend": "vllm", "server": "vllm", "precision": "fp16",
           "device": "cuda", "accelerators": 2, "cores": "all", "split": "tensor_parallel"}  # fmt: skip
    runs = [run | {"id": f"a{size}", "digest": str(size), "batch_size": size} for size in (4, 8)]
    assert list(distinct_words(runs).values()) == [
        f"chat, vllm, fp16, 2 GPUs, tensor parallel, batch size {size}" for size in (4, 8)
    ]


TRACEBACK = """\
Loading weights: 100%
Traceback (most recent call last):
  File "/home/me/cotejo/scripts/export_onnx.py", line 40, in <module>
    main()
  File "/home/me/cotejo/.venv/lib/python3.11/site-packages/torch/onnx/utils.py", line 12, in export
    raise ValueError("no such operator")
ValueError: no such operator
"""


@pytest.mark.parametrize(
    ("log", "lines"),
    [
        ("a\nerror: config.json: differs. Delete it\n", ["error: config.json: differs. Delete it"]),
        (TRACEBACK, ["ValueError: no such operator", "torch/onnx/utils.py, line 12, in export"]),
        (TRACEBACK.replace("ValueError: no such operator\n", ""), ["torch/onnx/utils.py, line 12, in export"]),
        ("one\ntwo\n\nthree\nfour\n", ["two", "three", "four"]),
        ("slurmstepd: error: *** JOB 12 ON n1 CANCELLED DUE TO TIME LIMIT ***\n[Sun] x\n",
         ["slurmstepd: error: *** JOB 12 ON n1 CANCELLED DUE TO TIME LIMIT ***"]),
        ("", []),
    ],
)  # fmt: skip
def test_a_log_is_read_for_why_it_ended(log, lines):
    assert cause(log) == lines


def test_the_first_log_that_says_why_comes_first(tmp_path):
    for name, text in (("empty", ""), ("said", "error: it. Mend it\n"), ("other", "a\n")):
        (tmp_path / name).write_text(text)
    logs = [str(tmp_path / name) for name in ("missing", "empty", "said", "other")]
    assert cause_in(logs) == (["error: it. Mend it"], logs[2:])
    assert cause_in(logs[:2]) == ([], [])
