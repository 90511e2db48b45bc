"""From records to a table. Light enough for a login node: drawing again must never queue a job."""


localrules:
    summarise,


rule summarise:
    """Recompute every metric from the raw samples, take medians over repeats, and judge what each is worth."""
    input:
        sheet="results/{results}/runs.csv",
        records=lambda wildcards: records_of(study_of(wildcards).results),
        code=[
            "scripts/summarise.py",
            *(f"scripts/cotejo/{module}.py" for module in ("summary", "stats", "verdict")),
            *sorted(path.as_posix() for path in Path("scripts/cotejo/tasks").glob("*.py")),
        ],
    output:
        summary="results/{results}/summary.csv",
    log:
        "logs/summarise/{results}.log",
    params:
        sheet=lambda wildcards: digest(study_of(wildcards).runs),
        verdict=json.dumps(config["verdict"]),
    shell:
        "python scripts/summarise.py --sheet {input.sheet:q} --results results/{wildcards.results}"
        " --verdict {params.verdict:q} --output {output.summary:q} > {log:q} 2>&1"
