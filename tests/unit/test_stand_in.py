"""What a run says of what it is measured with instead of what its study asks for."""

from cotejo.stand_in import asked, instead_of, phrases, why_not, why_not_in_short

STUDY = {
    "server": "tgi", "backend": "tgi", "precision": "fp16", "device": "cuda", "accelerators": 1, "split": None,
    "dataset": "sharegpt", "weights": "hub", "cores": 8,
}  # fmt: skip
RUN = {
    **STUDY, "server": "tgi-stand-in", "backend": "pytorch", "device": "cpu", "accelerators": 0, "weights": "synthetic",
    "cores": "all",
}  # fmt: skip


def test_a_run_as_asked_for_has_nothing_to_say() -> None:
    assert instead_of(STUDY, STUDY) == ""
    assert phrases(STUDY) == []
    assert asked(STUDY) == STUDY


def test_weights_and_cores_have_marks_and_columns_of_their_own() -> None:
    assert instead_of(STUDY, STUDY | {"weights": "synthetic", "cores": 2}) == ""


def test_what_was_asked_for_comes_back_from_the_text() -> None:
    run = RUN | {"instead_of": instead_of(STUDY, RUN)}
    assert run["instead_of"] == "server=tgi; backend=tgi; device=cuda; accelerators=1"
    back = asked(run)
    assert [back[key] for key in ("server", "backend", "device", "accelerators", "precision")] == [
        "tgi", "tgi", "cuda", "1", "fp16"
    ]  # fmt: skip
    assert phrases(run) == ["tgi-stand-in instead of tgi", "pytorch instead of tgi", "cpu instead of one GPU"]


def test_rows_of_tables_say_it_as_runs_do() -> None:
    row = {"device": "cpu", "accelerators": "0", "dataset": "photos", "instead_of": "device=cuda; accelerators=1"}
    assert phrases(row) == ["cpu instead of one GPU"]
    assert phrases(row | {"instead_of": ""}) == []
    assert asked(row)["accelerators"] == "1"


def test_processes_stand_in_for_several_gpus() -> None:
    study = {"device": "cuda", "accelerators": 3, "nodes": 3, "split": "zero1"}
    run = {"device": "cpu", "split": "zero1", "processes": 2}
    run |= {"instead_of": instead_of(study, run)}
    assert run["instead_of"] == "device=cuda; accelerators=3; nodes=3; processes="
    assert phrases(run) == ["2 processes on the cpu instead of 3 GPUs on 3 nodes"]
    back = asked(run)
    assert [back[key] for key in ("device", "accelerators", "nodes", "split", "processes")] == [
        "cuda", "3", "3", "zero1", ""
    ]  # fmt: skip
    of_one_node = run | {"instead_of": instead_of(study | {"nodes": None}, run)}
    assert phrases(of_one_node) == ["2 processes on the cpu instead of 3 GPUs"]


def test_memory_and_disk_stand_in_for_several_gpus() -> None:
    run = {"device": "cpu", "split": "device_map"}
    run |= {"instead_of": instead_of(run | {"device": "cuda", "accelerators": 2}, run)}
    assert phrases(run) == ["memory and disk instead of 2 GPUs"]


def test_a_setting_may_be_missing_on_either_side() -> None:
    assert instead_of({"split": "zero1"}, {}) == "split=zero1"
    assert phrases({"instead_of": "split=zero1"}) == ["none instead of zero1"]
    assert instead_of({}, {"split": "zero1"}) == "split="
    assert asked({"split": "zero1", "instead_of": "split="})["split"] == ""
    assert instead_of({"accelerators": None}, {}) == ""


def test_why_a_line_is_not_measured() -> None:
    assert why_not({"needs": "2 GPUs"}) == "needs 2 GPUs"
    assert why_not({"measured_as": "a_b"}) == "measured as a_b, which it equals under the overlay"
    assert why_not({"needs": "", "measured_as": ""}) == why_not_in_short({}) == ""
    assert why_not_in_short({"needs": "2 GPUs"}) == "needs 2 GPUs"
    assert why_not_in_short({"measured_as": "llm-genai_llama_int8"}) == "measured as llm-genai"
