"""Cotejo: measures machine-learning inference and sets the results side by side. See README.md."""

from snakemake.utils import min_version

min_version("9.0")


include: "rules/begin.smk"


configfile: "config/config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/measuring.smk"
include: "rules/slurm.smk"
include: "rules/terminal.smk"
include: "rules/drawing.smk"
include: "rules/captions.smk"
include: "rules/datasets.smk"
include: "rules/models.smk"
include: "rules/exports.smk"
include: "rules/environments.smk"
include: "rules/servers.smk"
include: "rules/measure.smk"
include: "rules/analyse.smk"
include: "rules/cost.smk"
include: "rules/figures.smk"
include: "rules/report.smk"
include: "rules/compare.smk"
include: "rules/published.smk"


localrules:
    all,
    plots,
    plan,
    plan_runs,


rule all:
    """Every selected study, measured, drawn and reported."""
    default_target: True
    input:
        # Each step by name: Snakemake doesn't remake a missing file that only stands between two that are there.
        [path for study in STUDIES.values() for path in wanted_records(study, study.runs)],
        figures_of(*STUDIES),
        comparisons_of(*STUDIES),
        event_files_of(*STUDIES),
        expand(
            "results/{results}/{page}",
            results=STUDIES,
            page=["runs.csv", "summary.csv", "verdicts.csv", "cost.csv", "report.html"],
        ),
        "results/index.html",


rule plots:
    """Every figure of the selected studies, from the records that are there: nothing is measured for them."""
    input:
        figures_of(*STUDIES),


rule plan:
    """Print what a study will measure, without measuring it."""
    input:
        expand("results/{results}/runs.csv", results=STUDIES),
    log:
        "logs/plan.log",
    shell:
        "python scripts/plan_runs.py --show {input:q} | tee {log:q}"


rule plan_runs:
    """Write a study's sheet: one row for each run."""
    input:
        # Files beside the digest below: results copied from elsewhere come without Snakemake's memory of parameters.
        lambda wildcards: sheet_sources(study_of(wildcards)),
    output:
        sheet="results/{results}/runs.csv",
    log:
        "logs/plan_runs/{results}.log",
    priority: PREPARE
    params:
        study=lambda wildcards: study_of(wildcards).name,
        overlay=config["overlay"],
        systems=" ".join(SELECTED),
        sheet=lambda wildcards: digest(study_of(wildcards).lines),
    shell:
        "python scripts/plan_runs.py --study {params.study} --overlay={params.overlay:q} --systems {params.systems}"
        " --output {output.sheet:q} > {log:q} 2>&1"
