"""What was published, on paper alone: `snakemake published`. Nothing is measured for it, and nothing measured is read."""


localrules:
    published,
    analyse_published,


rule published:
    """Every published figure, and the page that re-analyses the published rows."""
    input:
        "results/published/index.html",
        "results/published/analysis.csv",


rule analyse_published:
    """Recompute what the documents derive, list every disagreement, and draw their figures, in one process."""
    input:
        sources=lambda wildcards: published_sources(),
        code=[
            "scripts/analyse_published.py",
            *(f"scripts/cotejo/{module}.py" for module in ("difference", "floors", "labels", "stats")),
            *sorted(path.as_posix() for path in Path("scripts/cotejo").glob("cost*.py")),
            *sorted(path.as_posix() for path in Path("scripts/cotejo/published").glob("*.*")),
            *sorted(path.as_posix() for path in Path("scripts/cotejo/figures").glob("*.py")),
            *PAGES,
        ],
    output:
        page="results/published/index.html",
        analysis="results/published/analysis.csv",
        figures=directory("results/published/figures"),
    log:
        "logs/analyse_published.log",
    params:
        # Beside the files themselves: one that is gone is newer than nothing.
        sources=lambda wildcards: published_sources(),
        formats=FIGURE_FORMATS,
        style=config["figures"]["style"],
    shell:
        "python scripts/analyse_published.py --formats {params.formats} --style {params.style}"
        " --figures {output.figures:q} --analysis {output.analysis:q} --output {output.page:q} > {log:q} 2>&1"
