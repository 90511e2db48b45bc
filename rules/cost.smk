"""From the table of rates to a table of what they cost."""

from cotejo.systems import load_system, systems_of

SYSTEMS = sorted(path.as_posix() for path in Path("config/systems").glob("*.yaml"))
try:
    for path in SYSTEMS:
        load_system(Path(path))
except CotejoError as error:
    stop(error)


localrules:
    price_results,


rule price_results:
    """Count what every rate costs on its machine, measured and published ones, and say what it was counted with."""
    input:
        summary="results/{results}/summary.csv",
        published=lambda wildcards: published_of(study_of(wildcards)) or [],
        systems=SYSTEMS,
        code=[
            "scripts/price_results.py",
            *(
                f"scripts/cotejo/{module}.py"
                for module in ("cost", "cost_rows", "cost_table", "cost_words", "labels", "systems")
            ),
            "scripts/cotejo/published/rows.py",
        ],
    output:
        cost=shown("results/{results}/cost.csv", "cost", "Tables", table_labels("costs")),
    log:
        "logs/price_results/{results}.log",
    params:
        named=lambda wildcards: systems_of(study_of(wildcards).figures),
        published=lambda wildcards: ["--published", file] if (file := published_of(study_of(wildcards))) else [],
        cost=json.dumps(config["cost"]),
    shell:
        "python scripts/price_results.py --summary {input.summary:q} {params.published:q}"
        " --systems {input.systems:q} --named {params.named:q} --cost {params.cost:q}"
        " --output {output.cost:q} > {log:q} 2>&1"
