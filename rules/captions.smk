"""What Snakemake's own report (`snakemake --report`) shows of a study: a category for each, its captions in report/."""

from cotejo.report.captions import captions, described, worth_of_figure, worth_of_study

# The templates in report/ see of a study what stands in the configuration, and no more.
config["captions"] = {study.results: captions(study.title, study.question, study.figures) for study in STUDIES.values()}


def shown(path, caption, kind, labels):
    """A file that Snakemake's report has, under its study and among others of its kind."""
    return report(path, caption=f"../report/{caption}.rst", category="{results}", subcategory=kind, labels=labels)


def table_labels(name):
    """What tells a study's table from its others."""
    return lambda wildcards: {"study": study_of(wildcards).title, "table": name}


def figure_labels(wildcards, output):
    """A figure's title, and the verdicts that it names."""
    drawing = next(path for path in output if path.endswith(".svg"))
    title = described(figure_of(wildcards))["title"]
    return {"study": study_of(wildcards).title, "figure": title, "worth": worth_of_figure(Path(drawing))}


def report_labels(wildcards, input):
    """Whose report it is, and what the study's results are worth."""
    return {"study": study_of(wildcards).title, "worth": worth_of_study(Path(input.verdicts))}
