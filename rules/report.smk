"""From figures and table to a page."""


localrules:
    make_report,
    index_reports,


rule make_report:
    """Put figures, results, verdicts and machine into one HTML file that needs nothing else."""
    input:
        summary="results/{results}/summary.csv",
        verdicts="results/{results}/verdicts.csv",
        sheet="results/{results}/runs.csv",
        cost="results/{results}/cost.csv",
        comparison=lambda wildcards: comparisons_of(study_of(wildcards).results),
        imported=lambda wildcards: imported_records(study_of(wildcards).results),
        figures=lambda wildcards: figures_of(study_of(wildcards).results),
        code=[
            "scripts/make_report.py",
            *(
                f"scripts/cotejo/{module}.py"
                for module in ("cost", "cost_pairs", "cost_rows", "cost_words", "difference", "equivalence", "labels")
            ),
            *(f"scripts/cotejo/{module}.py" for module in ("run_id", "standing", "verdict_table")),
            *PAGES,
        ],
    output:
        report=shown("results/{results}/report.html", "report", "Report", report_labels),
    log:
        "logs/make_report/{results}.log",
    params:
        study=lambda wildcards: json.dumps(reported(wildcards)),
        imports=lambda wildcards: imports_of(study_of(wildcards)),
        comparison=lambda wildcards: [f"--comparison={path}" for path in comparisons_of(wildcards.results)],
        config=lambda wildcards: config_files(study_of(wildcards)),
        # What they say, not how old they are: results copied from elsewhere are no older than their configuration.
        config_digest=lambda wildcards: digest([sha256_of(Path(path)) for path in config_files(study_of(wildcards))]),
        command=command_of,
    shell:
        "python scripts/make_report.py --study {params.study:q} --summary {input.summary:q}"
        " --verdicts {input.verdicts:q} --sheet {input.sheet:q} --cost {input.cost:q} {params.comparison:q}"
        " --results results/{wildcards.results} --imports {params.imports:q} --figures {input.figures:q}"
        " --config {params.config:q} --command {params.command:q} --output {output.report:q} > {log:q} 2>&1"


rule index_reports:
    """List every study that has a report, those that aren't selected now too; nothing is ever made for those."""
    input:
        reports=expand("results/{results}/report.html", results=STUDIES),
        others=lambda wildcards: reports_there(*STUDIES),
        published=lambda wildcards: published_page(),
        code=["scripts/index_reports.py", *PAGES],
    output:
        index="results/index.html",
    log:
        "logs/index_reports.log",
    params:
        # Beside the files themselves: one that is gone is newer than nothing.
        reports=lambda wildcards: sorted({*STUDIES, *(Path(path).parent.name for path in reports_there())}),
        published=lambda wildcards: [f"--published={path}" for path in published_page()],
    shell:
        "python scripts/index_reports.py --reports {input.reports:q} {input.others:q} {params.published:q}"
        " --output {output.index:q} > {log:q} 2>&1"
