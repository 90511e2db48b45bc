"""From the table to figures."""


localrules:
    plot_figure,


rule plot_figure:
    """Draw one figure. It follows the summary, its own options and its kind's script, and no other figure's."""
    input:
        summary="results/{results}/summary.csv",
        distributions="results/{results}/distributions.csv",
        kind=lambda wildcards: f"scripts/cotejo/figures/{figure_of(wildcards)['kind']}.py",
        code=[
            "scripts/plot_figure.py",
            "scripts/cotejo/labels.py",
            *(f"scripts/cotejo/figures/{module}.py" for module in ("levels", "marks", "options", "select", "style")),
        ],
    output:
        svg="results/{results}/figures/{figure}.svg",
        png="results/{results}/figures/{figure}.png",
    log:
        "logs/plot_figure/{results}/{figure}.log",
    params:
        figure=lambda wildcards: json.dumps(figure_of(wildcards)),
    shell:
        "python scripts/plot_figure.py --summary {input.summary:q} --distributions {input.distributions:q}"
        " --figure {params.figure:q}"
        " --output {output.svg:q} {output.png:q} > {log:q} 2>&1"
