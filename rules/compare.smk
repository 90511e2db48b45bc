"""Two results folders side by side: `snakemake compare --config baseline=results/demo candidate=/elsewhere/demo`."""

from cotejo.comparison.folders import records_digest


localrules:
    compare,
    compare_results,
    plot_comparison,


rule compare:
    """Print the comparison, and fail where the candidate is slower or newly fails: its files stay."""
    input:
        comparison="results/compare/comparison.csv",
        figure=["results/compare/comparison.svg", "results/compare/comparison.png"],
    log:
        "logs/compare.log",
    params:
        tolerance=config["compare"]["tolerance_percent"],
    shell:
        "python scripts/compare_results.py --show {input.comparison:q} --tolerance-percent {params.tolerance}"
        " 2>&1 | tee {log:q}"


rule compare_results:
    """Set two results folders side by side, run by run, from their records alone."""
    input:
        # The records are no inputs: those in this checkout would then be there to be measured. Their digest stands below.
        code=[
            "scripts/compare_results.py",
            *sorted(path.as_posix() for path in Path("scripts/cotejo/comparison").glob("*.py")),
            *JUDGING,
        ],
    output:
        comparison="results/compare/comparison.csv",
    log:
        "logs/compare_results.log",
    params:
        baseline=lambda wildcards: compared_folder("baseline"),
        candidate=lambda wildcards: compared_folder("candidate"),
        records=lambda wildcards: [records_digest(compared_folder(key)) for key in ("baseline", "candidate")],
        verdict=json.dumps(config["verdict"]),
    shell:
        "python scripts/compare_results.py --baseline {params.baseline:q} --candidate {params.candidate:q}"
        " --verdict {params.verdict:q} --only-write --output {output.comparison:q} > {log:q} 2>&1"


rule plot_comparison:
    """Draw the ratio of each run's speeds, with its interval."""
    input:
        comparison="results/compare/comparison.csv",
        code=[
            "scripts/plot_comparison.py",
            "scripts/cotejo/labels.py",
            "scripts/cotejo/comparison/gate.py",
            *(
                f"scripts/cotejo/figures/{module}.py"
                for module in ("comparison", "hover", "select", "style", "telling")
            ),
        ],
    output:
        svg="results/compare/comparison.svg",
        png="results/compare/comparison.png",
    log:
        "logs/plot_comparison.log",
    shell:
        "python scripts/plot_comparison.py --comparison {input.comparison:q} --output {output.svg:q} {output.png:q}"
        " > {log:q} 2>&1"
