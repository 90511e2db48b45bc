"""From records to a table. Light enough for a login node: drawing again must never queue a job."""


localrules:
    summarise,


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
        summary="results/{results}/summary.csv",
        verdicts="results/{results}/verdicts.csv",
        distributions="results/{results}/distributions.csv",
    log:
        "logs/summarise/{results}.log",
    params:
        sheet=lambda wildcards: digest(study_of(wildcards).runs),
        imports=lambda wildcards: imports_of(study_of(wildcards)),
        verdict=json.dumps(config["verdict"]),
    shell:
        "python scripts/summarise.py --sheet {input.sheet:q} --results results/{wildcards.results}"
        " --imports {params.imports:q} --verdict {params.verdict:q}"
        " --output {output.summary:q} --verdicts {output.verdicts:q}"
        " --distributions {output.distributions:q} > {log:q} 2>&1"
