"""Costs follow prices, and nothing else does."""

import os

STUDY = ("--config", "studies=[edge-cloud]", "overlay=smoke")
COSTS = 6  # of edge-cloud's figures


def test_a_changed_price_makes_costs_again_and_their_figures_alone(project):
    project.finish("edge-cloud", "smoke")
    (project.folder / "config/systems/m6i.8xlarge.yaml").touch()
    # A system's file also says which machine it is, which the comparison holds against the records'.
    expected = {"price_results": 1, "plot_figure": COSTS, "compare_published": 1, "make_report": 1, "index_reports": 1}
    assert project.jobs(*STUDY) == expected


def test_costs_are_counted_and_drawn_with_nothing_measured(project):
    wanted = ["results/edge-cloud/cost.csv", "results/edge-cloud/figures/break-even-cpu.svg"]
    done = project.snakemake(*wanted, "--config", "studies=[edge-cloud]")
    assert done.returncode == 0, done.stdout + done.stderr
    table, figure = ((project.folder / path).read_text() for path in wanted)
    assert "Dell PowerEdge XR4520c" in table and "1.536" in table
    assert "replace it by your own invoice" in " ".join(figure.split())
    with (project.folder / "scripts/cotejo/cost_pairs.py").open("a") as code:
        code.write("# a comment\n")
    assert project.jobs(*wanted, "--config", "studies=[edge-cloud]") == {"plot_figure": 1}


def test_a_wrong_machine_stops_before_any_job(project):
    project.edit("config/systems/m6i.8xlarge.yaml", "usd_per_hour: 1.536", "usd_per_hour: 1.536\npurchase_usd: 9000")
    assert project.refusal("-n").startswith("error: config/systems/m6i.8xlarge.yaml: usd_per_hour: 1.536: ")


def test_a_figure_of_an_unknown_machine_stops_before_any_job(project):
    project.edit("config/studies/edge-cloud.yaml", "rented: m6i.8xlarge", "rented: m6i.8xlarg")
    said = project.refusal("-n", *STUDY)
    assert "rented: 'm6i.8xlarg': there is no config/systems/m6i.8xlarg.yaml. Did you mean 'm6i.8xlarge'" in said


def test_changed_assumptions_make_costs_again(project):
    wanted = "results/demo/cost.csv"
    assert project.snakemake(wanted).returncode == 0
    assert project.jobs(wanted) == {}
    config = project.folder / "config/config.yaml"
    before = config.stat()
    project.edit("config/config.yaml", "lifetime_years: 5", "lifetime_years: 3")
    os.utime(config, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert project.jobs(wanted) == {"price_results": 1}
