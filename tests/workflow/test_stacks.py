"""The environments that runs in process need beside Cotejo's own: dry-runs only."""

STUDY = """\
title: Trainings
defaults: {model: t5-small, dataset: synthetic-text-to-sql, weights: synthetic, scale: small, processes: 2, cores: 2,
  backend: transformers-trainer, repeats: 2, max_steps: 4}
runs:
  - {name: plain, split: data_parallel}
  - {name: zero, split: [zero1, zero3-offload]}
figures: []
"""
ASKED = ("--config", "studies=[trainings]")


def put(project, study=STUDY):
    project.write_study("trainings", study)


def test_what_a_backend_needs_is_made_before_it_measures_and_once(project):
    put(project)
    jobs = project.jobs(*ASKED)
    assert (jobs["measure_process"], jobs["create_environment"]) == (6, 1)
    project.finish("trainings")
    assert "create_environment" not in project.jobs(*ASKED)


def test_runs_without_it_and_the_users_own_interpreter_make_none(project):
    put(project, STUDY.replace("  - {name: zero, split: [zero1, zero3-offload]}\n", ""))
    assert "create_environment" not in project.jobs(*ASKED)
    put(project)
    project.edit("config/config.yaml", "environments: {}", "environments: {deepspeed: {python: /opt/ds/bin/python}}")
    jobs = project.jobs(*ASKED)
    assert jobs["measure_process"] == 6 and "create_environment" not in jobs


def test_an_image_in_its_place_stops_before_any_job(project):
    put(project)
    project.edit("config/config.yaml", "environments: {}", "environments: {deepspeed: {image: ds.sif}}")
    assert "environments: deepspeed: image: ds.sif: what is measured in process runs in no image" in project.refusal(
        *ASKED, "-n"
    )
