"""Which jobs a study of servers makes: dry-runs only."""

STUDY = """\
title: Servers
defaults: {model: tinyllama-1.1b-chat, dataset: prompts, weights: synthetic, scale: small, backend: pytorch,
  server: transformers-serve, repeats: 2}
runs:
  - {name: served, concurrency: 1-2}
  - {name: stacked, backend: vllm, server: vllm}
  - {name: alone, server: null}
figures: []
"""
JOBS = {
    "plan_runs": 1,
    "prepare_dataset": 1,
    "synthesize_model": 1,
    "create_environment": 1,
    "prepare_server": 2,
    "launch_server": 2,
    "measure_process": 2,
    "measure_server": 4,
    "summarise": 1,
    "price_results": 1,
    "make_report": 1,
    "index_reports": 1,
}
ASKED = ("--config", "studies=[servers]")


def put(project, study=STUDY):
    project.write_study("servers", study)


def test_each_server_is_prepared_and_launched_once_and_its_stack_made(project):
    put(project)
    assert project.jobs(*ASKED) == JOBS


WITHOUT_STACK = {rule: jobs for rule, jobs in JOBS.items() if rule != "create_environment"}
IMAGE = f"docker://vllm/vllm-openai@sha256:{'0123456789abcdef' * 4}"


def configured(project, own):
    """The project with something in the place of vLLM's environment."""
    put(project)
    project.edit("config/config.yaml", "environments: {}", f"environments: {{vllm: {own}}}")
    return project


def test_the_users_own_interpreter_makes_no_stack(project):
    assert configured(project, "{python: /opt/vllm/bin/python}").jobs(*ASKED) == WITHOUT_STACK


def test_an_image_is_pulled_in_the_place_of_a_stack_and_once(project):
    configured(project, f"{{image: '{IMAGE}'}}")
    assert project.jobs(*ASKED) == WITHOUT_STACK | {"pull_image": 1}


def test_a_file_is_looked_at_and_one_that_is_missing_stops_before_any_job(project):
    configured(project, "{image: vllm.sif}")
    assert "environments.vllm.image: vllm.sif: no such file as" in project.refusal(*ASKED, "-n")
    (project.folder / "vllm.sif").touch()
    assert project.jobs(*ASKED) == WITHOUT_STACK | {"pull_image": 1}


def test_a_tag_stops_before_any_job(project):
    configured(project, "{image: 'docker://vllm/vllm-openai:v0.11.0'}")
    assert "environments.vllm.image: docker://vllm/vllm-openai:v0.11.0: must name" in project.refusal(*ASKED, "-n")


def test_what_takes_a_stacks_place_is_checked(project):
    project.edit("config/config.yaml", "environments: {}", "environments: {vllm: {pyhton: /opt/bin/python}}")
    assert "environments.vllm.pyhton" in project.refusal("-n")


def test_records_that_are_there_need_neither_server_nor_stack(project):
    put(project)
    project.finish("servers")
    assert project.jobs(*ASKED) == {}


def test_a_further_level_is_another_run(project):
    put(project)
    project.finish("servers")
    put(project, STUDY.replace("concurrency: 1-2", "concurrency: 1-3"))
    jobs = project.jobs(*ASKED)
    assert (jobs["prepare_server"], jobs["launch_server"], jobs["measure_server"]) == (1, 1, 2)
    assert "create_environment" not in jobs
    assert "measure_process" not in jobs
