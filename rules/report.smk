"""From figures and table to a page."""


localrules:
    make_report,


rule make_report:
    """Put figures, results, verdicts and machine into one HTML file that needs nothing else."""
    input:
        summary="results/{results}/summary.csv",
        verdicts="results/{results}/verdicts.csv",
        sheet="results/{results}/runs.csv",
        cost="results/{results}/cost.csv",
        comparison=lambda wildcards: comparisons_of(study_of(wildcards).results),
        imported=lambda wildcards: imported_records(study_of(wildcards).results),
        figures=lambda wildcards: [path for path in figures_of(study_of(wildcards).results) if path.endswith(".svg")],
        code=[
            "scripts/make_report.py",
            *(
                f"scripts/cotejo/{module}.py"
                for module in ("cost", "cost_pairs", "cost_rows", "cost_words", "labels", "standing")
            ),
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
        comparison=lambda wildcards: [f"--comparison={path}" for path in comparisons_of(wildcards.results)],
        command=command_of,
    shell:
        "python scripts/make_report.py --study {params.study:q} --summary {input.summary:q}"
        " --verdicts {input.verdicts:q} --sheet {input.sheet:q} --cost {input.cost:q} {params.comparison:q}"
        " --results results/{wildcards.results} --imports {params.imports:q} --figures {input.figures:q} --command {params.command:q}"
        " --output {output.report:q} > {log:q} 2>&1"
