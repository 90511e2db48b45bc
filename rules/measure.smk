"""What a study asks for, measured: one job, one fresh process or server, one record."""


rule measure_process:
    """Measure one repeat of a run in a fresh, pinned process, alone on the machine; a failure is written down too."""
    input:
        measured_inputs,
    output:
        record=RECORD,
        samples=SAMPLES,
        telemetry=TELEMETRY,
    log:
        said="logs/measure_process/{results}/{system}/{run}/r{repeat}.said.log",
        process="logs/measure_process/{results}/{system}/{run}/r{repeat}.log",
    wildcard_constraints:
        system=OF_SELECTED,
        run=runs_that(served=False),
    priority: measuring_priority
    # All of them, so that nothing else runs meanwhile.
    threads: CORES
    resources:
        **MEASURING,
    params:
        run=settings_of,
        model_folder=lambda wildcards: model_folder(run_of(wildcards)),
        dataset_folder=lambda wildcards: f"resources/datasets/{run_of(wildcards)['dataset']}",
        export=export_flags,
        stage=stage_flags,
    shell:
        "python scripts/measure_process.py --run {params.run:q} --repeat {wildcards.repeat}"
        " --model-folder {params.model_folder:q} --dataset-folder {params.dataset_folder:q} {params.export:q}"
        " {params.stage:q} --output {output.record:q} --log {log.process:q} 2> {log.said:q}"


rule measure_server:
    """Measure one repeat of a run that has a server: a fresh one, all load levels, alone on the machine."""
    input:
        measured_inputs,
    output:
        record=RECORD,
        samples=SAMPLES,
        telemetry=TELEMETRY,
    log:
        said="logs/measure_server/{results}/{system}/{run}/r{repeat}.said.log",
        server="logs/measure_server/{results}/{system}/{run}/r{repeat}.log",
    wildcard_constraints:
        system=OF_SELECTED,
        run=runs_that(served=True),
    priority: measuring_priority
    threads: CORES
    resources:
        **MEASURING,
    params:
        run=settings_of,
        model_folder=lambda wildcards: model_folder(run_of(wildcards)),
        dataset_folder=lambda wildcards: dataset_folder(run_of(wildcards)),
        export=export_flags,
        stage=stage_flags,
        server=SERVER,
    shell:
        "python scripts/measure_server.py --run {params.run:q} --repeat {wildcards.repeat}"
        " --model-folder {params.model_folder:q} --dataset-folder {params.dataset_folder:q} {params.export:q}"
        " --prepared {params.server:q}/prepared --launch {params.server:q}/launch.json"
        " {params.stage:q} --output {output.record:q} --log {log.server:q} 2> {log.said:q}"
