"""The target `published`: on paper alone, whatever studies are selected."""

import os

JOBS = {"published": 1, "analyse_published": 1}


def test_it_schedules_no_measuring_job(project):
    assert project.jobs("published") == JOBS
    assert project.jobs("published", "--config", "studies=[chameleon-blip-triton]", "overlay=smoke") == JOBS


def test_a_malformed_row_stops_before_any_job(project):
    project.edit("config/published/ccad-llava-a30.csv", "1992.96", "about 1993")
    assert project.refusal("published") == (
        "error: config/published/ccad-llava-a30.csv: line 8: value: 'about 1993': must be the number as printed, or "
        "OOM, -, N/A, or blank where no result is printed. Change it"
    )


def test_it_follows_rows_and_code_and_nothing_else(project):
    made = ["results/published/index.html", "results/published/analysis.csv", "results/published/figures/x/x.svg"]
    for name in made:
        path = project.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        os.utime(path, (1_700_000_000, 1_700_000_000))
    os.utime(project.folder / "results/published/figures", (1_700_000_000, 1_700_000_000))
    assert "analyse_published" not in project.jobs("published")
    (project.folder / "config/studies/demo.yaml").touch()
    assert "analyse_published" not in project.jobs("published")
    (project.folder / "config/published/cml-vllm-ray.csv").touch()
    assert project.jobs("published") == JOBS


def test_a_malformed_row_of_a_selected_study_stops_every_target(project):
    project.edit("config/published/chameleon-blip-triton.csv", "10.2532,infer/s", "10.2532,infers")
    assert project.refusal("plan", "--config", "studies=[chameleon-blip-triton]").startswith(
        "error: config/published/chameleon-blip-triton.csv: line 2: unit: 'infers': no unit of that name"
    )
