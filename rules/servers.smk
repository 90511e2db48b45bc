"""What serves a model: rendered as files that a person can read, and proven once before anything is measured."""


localrules:
    # A few small files.
    prepare_server,


rule prepare_server:
    """Render what a run's server needs: a model repository, a configuration, the command that starts it."""
    input:
        served_inputs(server_stack),
    output:
        prepared=directory(f"{SERVER}/prepared"),
        command=f"{SERVER}/command.txt",
    log:
        "logs/prepare_server/{results}/{system}/{run}.log",
    wildcard_constraints:
        system=OF_SELECTED,
        run=runs_that(served=True),
    priority: PREPARE
    params:
        run=settings_of,
        model_folder=lambda wildcards: model_folder(run_of(wildcards)),
        dataset_folder=lambda wildcards: dataset_folder(run_of(wildcards)),
        export=export_flags,
    shell:
        "python scripts/prepare_server.py --run {params.run:q}"
        " --model-folder {params.model_folder:q} --dataset-folder {params.dataset_folder:q} {params.export:q}"
        " --prepared {output.prepared:q} --command-file {output.command:q} > {log:q} 2>&1"


rule launch_server:
    """Start a run's server once, hold its version, its model and one answer against what is wanted, and stop it.

    A bad launch shows here, before hours of queue: it is written down, and its repeats get no speed.
    """
    input:
        served_inputs(server_stack),
        prepared=f"{SERVER}/prepared",
    output:
        launch=f"{SERVER}/launch.json",
    log:
        said="logs/launch_server/{results}/{system}/{run}.log",
        server="logs/launch_server/{results}/{system}/{run}.server.log",
    wildcard_constraints:
        system=OF_SELECTED,
        run=runs_that(served=True),
    priority: PREPARE
    threads: CORES
    resources:
        **MEASURING,
    params:
        run=settings_of,
        model_folder=lambda wildcards: model_folder(run_of(wildcards)),
        dataset_folder=lambda wildcards: dataset_folder(run_of(wildcards)),
        export=export_flags,
        # Arithmetic in bf16 errs about as much as weights in half precision do.
        bound=lambda wildcards: config["parity"][
            {"bf16": "fp16"}.get(run_of(wildcards)["precision"], run_of(wildcards)["precision"])
        ],
    shell:
        "python scripts/launch_server.py --run {params.run:q} --bound {params.bound}"
        " --model-folder {params.model_folder:q} --dataset-folder {params.dataset_folder:q} {params.export:q}"
        " --prepared {input.prepared:q} --output {output.launch:q} --log {log.server:q} > {log.said:q} 2>&1"
