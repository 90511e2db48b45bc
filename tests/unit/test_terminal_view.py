"""Events in, lines out: what a person is told of steps, repeats, failures and the end."""

import json

import pytest
from terminal_example import RECORD, Clock, began, facts, failed, texts, view_of

from cotejo.terminal.facts import Facts, Repeat


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder of its own, as Snakemake has the checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_record(here, number, **more):
    path = here / RECORD.format(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    level = {"requests": 23, "failed_requests": 0, "duration_s": 2.04}
    record = {"status": "ok", "reason": None, "message": None, "run": {"task": "text-generation"}, "levels": [level]}
    path.write_text(json.dumps(record | more))
    return RECORD.format(number)


def test_the_bottom_says_what_is_measured_now_how_far_all_is_and_how_long_it_will_take(here):
    clock = Clock()
    view = view_of(clock, steps=10, repeats=6)
    view.job_began(began(4, "measure_process", RECORD.format(3)))
    clock.now_s += 7
    first, second = view.bottom(79)
    assert first == "measuring demo: text, openvino int8, 2 cores, repeat 3 of 6 (0:07)"
    assert second.endswith("0 of 10 steps, 0 of 6 repeats, about 50 s of measuring left")
    assert len(second) <= 79


def test_a_measured_repeat_is_a_line_with_what_it_counted(here):
    view = view_of(Clock(), steps=10, repeats=6)
    view.job_began(began(4, "measure_process", write_record(here, 3)))
    told = "[1/10] text, openvino int8, 2 cores (3 of 6): 23 requests in 2.0 s"
    assert view.job_finished(4) == [("", told)]
    assert view.bottom(79) == []


def test_a_failure_that_was_measured_is_a_result_with_its_reason(here):
    view = view_of(Clock(), steps=10, repeats=6)
    view.job_began(
        began(4, "measure_process", write_record(here, 1, status="failed", reason="parity", message="0.2 > 0.1"))
    )
    told = "[1/10] text, openvino int8, 2 cores (1 of 6): failed (parity): 0.2 > 0.1"
    assert view.job_finished(4) == [("warning", told)]
    assert not view.failures


def test_time_left_follows_how_long_repeats_really_take(here):
    clock = Clock()
    view = view_of(clock, steps=6, repeats=6)
    for number in (1, 2):
        view.job_began(began(number, "measure_process", write_record(here, number)))
        clock.now_s += 30  # three times as long as before
        view.job_finished(number)
    assert view.progress.left_s(clock.now_s) == pytest.approx(4 * 30)
    assert "about 2 min of measuring left" in view.progress.line(clock.now_s, 79)


def test_of_a_queue_no_time_is_told_before_the_first_repeat_is_there(here):
    clock = Clock()
    view = view_of(clock, steps=6, repeats=6, submitted=True)
    for number in (1, 2, 3):
        view.job_began(began(number, "measure_process", write_record(here, number)))
    assert "left" not in view.bottom(79)[1]
    assert view.bottom(79)[0].endswith("(0:00) and 2 more")
    clock.now_s += 15
    for number in (1, 2, 3):
        view.job_finished(number)
    assert view.progress.left_s(clock.now_s) == pytest.approx(15)  # three at once


def test_a_preparing_step_is_told_when_done_and_a_drawing_one_is_not(here):
    clock = Clock()
    view = view_of(clock, steps=3)
    view.job_began(
        began(1, "export_onnx", "resources/x", wildcards={"model": "blip", "precision": "fp32", "weights": "hub"})
    )
    view.job_began(began(2, "plot_figure", "results/demo/a.svg", wildcards={"results": "demo", "figure": "speed"}))
    assert view.bottom(79)[0] == "exporting blip to ONNX, fp32 (0:00) and 1 more"
    clock.now_s += 65
    assert texts(view.job_finished(1)) == ["[1/3] exporting blip to ONNX, fp32: 1 min 5 s"]
    assert view.job_finished(2) == []


def test_while_a_step_prints_itself_nothing_stands_below_it():
    view = view_of(Clock(), steps=2)
    view.job_began(began(1, "plan", "", shellcmd="python scripts/plan_runs.py --show a | tee logs/plan.log"))
    assert view.bottom(79) == []
    view.job_finished(1)


def test_a_failed_step_is_told_by_its_cause_and_its_log_and_again_at_the_end(here):
    (here / "logs").mkdir()
    (here / "logs/a.log").write_text("much before it\nerror: model.json: differs. Delete the folder\n")
    view = view_of(Clock(), steps=3)
    for attempt in (1, 2):
        view.job_began(began(7, "fetch_model", "resources/m", wildcards={"model": "blip"}))
        told = texts(view.job_failed(failed(7, "fetch_model", ["logs/a.log"])))
        if attempt == 1:
            assert told == [
                "FAILED: fetching blip",
                "  error: model.json: differs. Delete the folder",
                "  log: logs/a.log",
            ]
        else:
            assert told == ["FAILED again, as before: fetching blip"]
    assert texts(view.summary()) == [
        "",
        "1 step failed:",
        "  fetching blip",
        "    error: model.json: differs. Delete the folder",
        "    log: logs/a.log",
        "not done in 0 s: 0 of 3 steps",
        "  The same command goes on from here: what is there stays",
    ]


def test_a_step_that_succeeds_in_the_end_has_not_failed(here):
    view = view_of(Clock(), steps=1)
    view.job_began(began(7, "fetch_model", "resources/m", wildcards={"model": "blip"}))
    view.job_failed(failed(7, "fetch_model", []))
    view.job_began(began(7, "fetch_model", "resources/m", wildcards={"model": "blip"}))
    view.job_finished(7)
    assert texts(view.summary()) == ["", "done in 0 s: 1 of 1 step"]


def test_of_a_measuring_command_its_own_words_count_before_those_of_what_it_measured(here):
    (here / "r1.log").write_text("error: the server grumbles\n")
    (here / "r1.said.log").write_text("error: /tmp: no space left. Free some\n")
    view = view_of(Clock(), steps=1, repeats=1)
    logs = ["r1.log", "r1.said.log"]
    view.job_began(began(1, "measure_server", RECORD.format(1), log=logs))
    assert texts(view.job_failed(failed(1, "measure_server", logs)))[1:] == [
        "  error: /tmp: no space left. Free some",
        "  log: r1.said.log",
    ]
    assert view.progress.left_s(2000.0) is None


def test_warnings_are_told_once_whatever_numbers_they_name():
    view = view_of(Clock(), steps=1)
    assert view.message("Job 12 had to wait", "warning") == [("warning", "Job 12 had to wait")]
    assert view.message("Job 13 had to wait", "warning") == []
    assert view.message("Something else", "warning") == [("warning", "Something else")]


@pytest.mark.parametrize(
    "text",
    [
        "Building DAG of jobs...",
        "Select jobs to execute...",
        "Provided cores: 2",
        "Job 7 has been submitted with SLURM jobid 12 (log: a).",
        "Complete log(s): /x/.snakemake/log/a.log",
        "WorkflowError:\nAt least one job did not complete successfully.",
        'RuleException:\nCalledProcessError in file "a.smk", line 3:\nCommand failed',
        "",
    ],
)
def test_what_tells_nobody_anything_is_left_to_snakemakes_log(text):
    assert view_of(Clock(), steps=1).message(text, "info") == []


def test_what_snakemake_alone_knows_is_passed_on():
    view = view_of(Clock(), steps=1)
    said = "Nothing to be done (all requested files are present and up to date)."
    assert texts(view.message(said, "info")) == [said]
    locked = "LockException:\nError: Directory cannot be locked."
    assert view.message(locked, "error") == [("failure", "LockException:"), ("failure", locked.splitlines()[1])]


def test_the_end_says_how_long_it_took_what_results_are_worth_and_where_the_report_is(here):
    clock = Clock()
    view = view_of(clock, steps=1, repeats=1)
    view.job_began(began(1, "measure_process", write_record(here, 1)))
    clock.now_s += 3723
    view.job_finished(1)
    folder = here / "results/demo"
    (folder / "report.html").touch()
    (folder / "verdicts.csv").write_text("run,verdict\na,noisy\nb,smoke\nc,smoke\n")
    assert texts(view.summary()) == [
        "",
        "done in 1 h 2 min: 1 of 1 step, 1 of 1 repeat measured",
        "  demo: 2 smoke, 1 noisy (results by run and level)",
        "  report: results/demo/report.html",
    ]


def test_what_was_interrupted_is_no_failure(here):
    view = view_of(Clock(), steps=5, repeats=2)
    view.job_began(began(1, "measure_process", write_record(here, 1)))
    view.job_finished(1)
    view.job_began(began(2, "measure_process", RECORD.format(2)))
    assert texts(view.message("Terminating processes on user request, this might take some time.", "info")) == [
        "stopping what runs"
    ]
    assert view.job_failed(failed(2, "measure_process", [])) == []
    assert texts(view.summary())[1:] == [
        "not done in 0 s: 1 of 5 steps, 1 of 2 repeats measured",
        "  The same command goes on from here: what is there stays",
    ]


def test_nothing_is_summed_up_where_nothing_was_begun():
    assert view_of(Clock(), steps=5, repeats=2).summary() == []


def test_what_a_measuring_command_waits_for_is_told_once(here):
    said = here / "r1.said.log"
    view = view_of(Clock(), steps=5, repeats=2)
    view.job_began(began(1, "measure_process", RECORD.format(1), log=["r1.said.log", "r1.log"]))
    assert view.heard() == []
    said.write_text("waiting: another measurement has this machine (process 7: python a --output b)\n")
    assert texts(view.heard()) == [
        "text, openvino int8, 2 cores (1 of 2): waiting: another measurement has this machine (process 7)"
    ]
    with said.open("a") as stream:
        stream.write("text_x, repeat 1: measured\n")
    assert view.heard() == []


def test_the_load_level_that_a_server_is_under_is_told(here):
    view = view_of(Clock(), steps=5, repeats=2)
    view.job_began(began(1, "measure_server", RECORD.format(1), log=["r1.said.log", "r1.log"]))
    assert view.bottom(79)[0].endswith("repeat 1 of 2 (0:00)")
    (here / "r1.log").touch()
    (here / "r1.concurrency-4.log").touch()
    assert view.bottom(79)[0].endswith("repeat 1 of 2, 4 at once (0:00)")


def test_of_several_studies_each_line_names_its_own(here):
    view = view_of(Clock(), steps=5)
    repeats = facts(1).repeats | {"other": Repeat("serving", "chat", 1, 6, 1.0, None)}
    view.told(Facts(repeats, ("demo", "serving")), "")
    view.job_began(began(1, "measure_process", write_record(here, 1)))
    assert texts(view.job_finished(1))[0].startswith("[1/5] demo: text, openvino int8")
