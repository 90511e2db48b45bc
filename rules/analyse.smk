"""From records to tables, and to event files. Light enough for a login node: drawing again must never queue a job."""


localrules:
    summarise,
    compare_published,
    write_tensorboard,


rule summarise:
    """Recompute every metric from the raw samples, take medians over repeats, and judge what each is worth.

    Beside the summary the verdicts have a table of their own, a line for each run and load level, failed ones too. A
    third has how latencies are distributed, for the figures that draw it.
    """
    input:
        sheet="results/{results}/runs.csv",
        records=lambda wildcards: records_of(study_of(wildcards).results),
        imported=lambda wildcards: imported_records(study_of(wildcards).results),
        code=["scripts/summarise.py", "scripts/cotejo/verdict_table.py", *JUDGING],
    output:
        summary=shown("results/{results}/summary.csv", "summary", "Tables", table_labels("every metric")),
        verdicts=shown("results/{results}/verdicts.csv", "verdicts", "Tables", table_labels("verdicts")),
        distributions="results/{results}/distributions.csv",
    log:
        "logs/summarise/{results}.log",
    params:
        sheet=lambda wildcards: digest(study_of(wildcards).lines),
        records=lambda wildcards: names_of_records(study_of(wildcards).results),
        imports=lambda wildcards: imports_of(study_of(wildcards)),
        verdict=json.dumps(config["verdict"]),
    shell:
        "python scripts/summarise.py --sheet {input.sheet:q} --results results/{wildcards.results}"
        " --imports {params.imports:q} --verdict {params.verdict:q}"
        " --output {output.summary:q} --verdicts {output.verdicts:q}"
        " --distributions {output.distributions:q} > {log:q} 2>&1"


rule compare_published:
    """Set what was measured beside what was published: a line for each published value, whether measured or not."""
    input:
        published=lambda wildcards: published_of(study_of(wildcards)),
        summary="results/{results}/summary.csv",
        sheet="results/{results}/runs.csv",
        systems=sorted(path.as_posix() for path in Path("config/systems").glob("*.yaml")),
        code=[
            "scripts/compare_published.py",
            *(
                f"scripts/cotejo/{module}.py"
                for module in ("claimed", "equivalence", "labels", "stand_in", "standing")
            ),
            "scripts/cotejo/published/rows.py",
        ],
    output:
        comparison=shown(
            "results/{results}/comparison.csv", "comparison", "Tables", table_labels("beside what was published")
        ),
    log:
        "logs/compare_published/{results}.log",
    wildcard_constraints:
        # Of two folders of results another rule makes a table of this name.
        results="|".join(map(re.escape, (name for name in STUDIES if STUDIES[name].published))) or "(?!)",
    params:
        tolerance=config["published"]["tolerance_percent"],
        overlay=lambda wildcards: study_of(wildcards).overlay,
        imports=lambda wildcards: imports_of(study_of(wildcards)),
    shell:
        "python scripts/compare_published.py --published {input.published:q} --summary {input.summary:q}"
        " --sheet {input.sheet:q} --results results/{wildcards.results} --imports {params.imports:q}"
        " --systems config/systems"
        " --tolerance-percent {params.tolerance} --overlay={params.overlay:q}"
        " --output {output.comparison:q} > {log:q} 2>&1"


rule write_tensorboard:
    """Write what trainings did, step by step, as TensorBoard reads it: from their records, after all was measured."""
    input:
        sheet="results/{results}/runs.csv",
        records=lambda wildcards: records_of(study_of(wildcards).results),
        code=["scripts/write_tensorboard.py", "scripts/cotejo/event_files.py"],
    output:
        events=directory("results/{results}/tensorboard"),
    log:
        "logs/write_tensorboard/{results}.log",
    wildcard_constraints:
        results="|".join(map(re.escape, (name for name in STUDIES if trains(STUDIES[name])))) or "(?!)",
    params:
        sheet=lambda wildcards: digest(study_of(wildcards).lines),
        records=lambda wildcards: names_of_records(study_of(wildcards).results),
    shell:
        "python scripts/write_tensorboard.py --sheet {input.sheet:q} --results results/{wildcards.results}"
        " --output {output.events:q} > {log:q} 2>&1"
