from pathlib import Path

import pytest
from serve import chosen_run, made_inputs, only_system
from serving_example import RUN as SERVED

from cotejo.errors import CotejoError
from cotejo.places import Stack

RUNS = [
    {"id": "a_1", "name": "a", "server": "vllm"},
    {"id": "a_2", "name": "a", "server": "vllm"},
    {"id": "b_1", "name": "b", "server": "triton"},
    {"id": "c_1", "name": "c"},
]


def test_a_run_is_chosen_by_its_id_or_by_a_block_of_one():
    assert chosen_run(RUNS, "a_2") is RUNS[1]
    assert chosen_run(RUNS, "b") is RUNS[2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a", "run: a: 2 runs of that name. Give one of a_1, a_2"),
        ("a_3", "run: a_3: no runs of that name. Did you mean 'a_"),
        ("c", "run: c: it has no server: it is measured in process"),
    ],
)
def test_what_is_no_one_run_with_a_server_is_refused(name, message):
    with pytest.raises(CotejoError, match=message):
        chosen_run(RUNS, name)


def test_what_is_not_made_yet_is_named_with_the_command_that_makes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = {**SERVED, "format": None}
    model = Path("resources/models") / run["model"] / f"{run['weights']}-{run['scale']}"
    with pytest.raises(CotejoError, match=f"{model}: is not made yet. Run `snakemake --cores all {model} resources/"):
        made_inputs(run, Stack(Path("python")))
    model.mkdir(parents=True)
    (Path("resources/datasets") / run["dataset"]).mkdir(parents=True)
    with pytest.raises(CotejoError, match="Run `make env-vllm`"):
        made_inputs(run, Stack(Path("resources/environments/vllm/bin/python"), made="vllm"))
    assert made_inputs(run, Stack(Path("python"))).model_folder == model


def test_a_server_is_started_on_the_one_system_that_this_is():
    assert only_system("local") == only_system(["local"]) == "local"
    with pytest.raises(CotejoError, match=r"system: \[a, b\]: .* Give the one that it is by --system"):
        only_system(["a", "b"])
