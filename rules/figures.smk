"""From the table to figures."""


localrules:
    plot_figure,


rule plot_figure:
    """Draw one figure. It follows what it draws, its own options and its kind's script, and no other figure's."""
    input:
        summary="results/{results}/summary.csv",
        beside=lambda wildcards: figure_files(figure_of(wildcards), study_of(wildcards), f"results/{wildcards.results}"),
        kind=lambda wildcards: f"scripts/cotejo/figures/{figure_of(wildcards)['kind']}.py",
        code=DRAWING,
    output:
        [
            shown(path, "figure", "Figures", figure_labels) if path.endswith(".svg") else path
            for path in multiext("results/{results}/figures/{figure}", *(f".{ending}" for ending in FIGURE_FORMATS))
        ],
    log:
        "logs/plot_figure/{results}/{figure}.log",
    params:
        figure=lambda wildcards: json.dumps(figure_of(wildcards)),
        flags=lambda wildcards: figure_flags(figure_of(wildcards), study_of(wildcards), f"results/{wildcards.results}"),
        style=config["figures"]["style"],
    shell:
        "python scripts/plot_figure.py --summary {input.summary:q} {params.flags:q}"
        " --figure {params.figure:q} --style {params.style}"
        " --output {output:q} > {log:q} 2>&1"
