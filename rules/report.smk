"""From figures and table to a page."""


localrules:
    make_report,


rule make_report:
    """Put figures, results, verdicts and machine into one HTML file that needs nothing else."""
    input:
        summary="results/{results}/summary.csv",
        verdicts="results/{results}/verdicts.csv",
        sheet="results/{results}/runs.csv",
        imported=lambda wildcards: imported_records(study_of(wildcards).results),
        figures=lambda wildcards: [path for path in figures_of(study_of(wildcards).results) if path.endswith(".svg")],
        code=[
            "scripts/make_report.py",
            "scripts/cotejo/labels.py",
            "scripts/cotejo/verdict_table.py",
            *sorted(path.as_posix() for path in Path("scripts/cotejo/report").glob("*.*")),
        ],
    output:
        report="results/{results}/report.html",
    log:
        "logs/make_report/{results}.log",
    params:
        study=lambda wildcards: json.dumps(reported(wildcards)),
        imports=lambda wildcards: imports_of(study_of(wildcards)),
        command=command_of,
    shell:
        "python scripts/make_report.py --study {params.study:q} --summary {input.summary:q}"
        " --verdicts {input.verdicts:q} --sheet {input.sheet:q}"
        " --results results/{wildcards.results} --imports {params.imports:q} --figures {input.figures:q} --command {params.command:q}"
        " --output {output.report:q} > {log:q} 2>&1"
