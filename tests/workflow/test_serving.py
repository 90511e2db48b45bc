"""Studies that have servers: their jobs, their plan, and how wrong ones stop. Dry-runs only."""

import pytest
from study_example import copy_config

from cotejo.errors import CotejoError
from cotejo.study import load_study

CHAT = "{name: chat, model: tinyllama-1.1b-chat, dataset: prompts, server: transformers-serve, backend: pytorch}"


def study(runs: str) -> str:
    return f"title: Wrong\ndefaults: {{weights: synthetic, scale: small}}\nruns: [{runs}]\nfigures: []\n"


WRONG = {
    "misspelt server": (CHAT.replace("mers-s", "mer-s"), "runs[0].server: 'transformer-serve': no server of that name"),
    "client of another API": (
        CHAT[:-1] + ", client: perf_analyzer}",
        "runs[0].client: 'perf_analyzer': perf_analyzer can't ask server transformers-serve for text-generation",
    ),
    "open load by a closed client": (
        CHAT[:-1] + ", client: ab, load: open, rate_rps: 5}",
        "runs[0].load: 'open': client ab can put on a load that is closed",
    ),
    "rate of a closed load": (CHAT[:-1] + ", rate_rps: 5}", "runs[0].rate_rps: 5: belongs to `load: open`"),
    "concurrency backwards": (CHAT[:-1] + ", concurrency: 4-1}", "runs[0]: concurrency: 4-1: 4-1 runs backwards"),
    "accelerators without a device": (
        CHAT[:-1] + ", accelerators: 2}",
        "runs[0].accelerators: 2: needs `device: cuda`",
    ),
    "option of another server": (CHAT[:-1] + ", batching: none}", "runs[0].batching: 'none': is no option of"),
    "no server": (
        CHAT.replace("server: transformers-serve, ", "")[:-1] + ", concurrency: 2}",
        "runs[0].concurrency: needs server. Give both, or none",
    ),
}


def test_a_wrong_study_stops_with_one_message(project):
    runs, message = WRONG["option of another server"]
    (project.folder / "config/studies/wrong.yaml").write_text(study(runs))
    said = project.refusal("--config", "studies=[wrong]")
    assert said.startswith("error: config/studies/wrong.yaml")
    assert message in said
    assert not list(project.folder.glob("results/wrong*"))


@pytest.mark.parametrize("kind", WRONG)
def test_the_message_names_file_key_value_and_remedy_in_one_line(tmp_path, kind):
    runs, message = WRONG[kind]
    config = copy_config(tmp_path)
    (config / "studies" / "wrong.yaml").write_text(study(runs))
    with pytest.raises(CotejoError) as caught:
        load_study("wrong", config=config)
    said = str(caught.value)
    assert said.startswith(str(config / "studies" / "wrong.yaml")) and message in said
    assert len(said.splitlines()) == 1


# What the serving study needs from an empty checkout: four runs of two models, six repeats each, in Cotejo's own
# environment, without any export.
SERVING = {
    "plan_runs": 1,
    "prepare_dataset": 2,
    "synthesize_model": 2,
    "prepare_server": 4,
    "launch_server": 4,
    "measure_server": 24,
    "summarise": 1,
    "price_results": 1,
    "plot_figure": 3,
    "make_report": 1,
    "index_reports": 1,
}


def test_an_empty_checkout_makes_everything_once(project):
    assert project.jobs("--config", "studies=[serving]") == SERVING


def test_a_study_of_triton_makes_its_environment_and_its_export_once(project):
    assert project.jobs("--config", "studies=[chameleon-blip-triton]", "overlay=smoke") == {
        "plan_runs": 1,
        "create_environment": 1,
        "prepare_dataset": 1,
        "synthesize_model": 1,
        "export_onnx": 1,
        "check_export": 1,
        # Two GPUs are what it can't be measured with here: a line of the tables, and no jobs.
        "prepare_server": 4,
        "launch_server": 4,
        "measure_server": 8,
        "summarise": 1,
        "compare_published": 1,
        "price_results": 1,
        "plot_figure": 2,
        "make_report": 1,
        "index_reports": 1,
    }


def test_a_further_load_level_is_a_run_of_its_own(project):
    """The levels belong to the run: its former records stay, and it is measured anew with all its levels."""
    project.finish("serving")
    project.edit(
        "config/studies/serving.yaml",
        'concurrency: "1,2,4"}\n  - {name: text-open',
        'concurrency: "1,2,4,8"}\n  - {name: text-open',
    )
    assert project.jobs("--config", "studies=[serving]") == {
        "plan_runs": 1,
        "prepare_dataset": 1,
        "synthesize_model": 1,
        "prepare_server": 1,
        "launch_server": 1,
        "measure_server": 6,
        "summarise": 1,
        "price_results": 1,
        "plot_figure": 3,
        "make_report": 1,
        "index_reports": 1,
    }


def test_a_finished_study_starts_no_server(project):
    project.finish("serving")
    for path in ("config/models.yaml", "scripts/launch_server.py", "scripts/measure_server.py"):
        (project.folder / path).write_text((project.folder / path).read_text() + "\n# a comment\n")
    assert not {"prepare_server", "launch_server", "measure_server"} & set(
        project.jobs("--config", "studies=[serving]")
    )


def test_the_plan_counts_every_load_level(project):
    done = project.snakemake("plan", "--config", "studies=[serving]")
    assert done.returncode == 0, done.stderr
    assert "_transformers-serve_cotejo_open2_newtokens16" in done.stdout
    # Three runs of three levels and one of one, each six times 0.5 s and 5 s.
    # Six times ten levels (three runs of three, one of one) of 0.5 s and 5 s, and 2 s to start each repeat: 378 s.
    assert "4 runs, 24 repeats" in done.stdout
    assert "24 repeats to come: at least 6 min of measuring (from warm-up and duration alone)" in done.stdout
