"""What a study asks for, measured: one job, one fresh process, one record."""


rule measure_process:
    """Measure one repeat of a run in a fresh, pinned process, alone on the machine; a failure is written down too."""
    input:
        measured_inputs,
    output:
        record=RECORD,
        samples=SAMPLES,
        telemetry=TELEMETRY,
    log:
        "logs/measure_process/{results}/{system}/{run}/r{repeat}.log",
    wildcard_constraints:
        # Records of other systems are there or they aren't: nothing here can make one.
        system=re.escape(config["system"]),
    priority: measuring_priority
    # All of them, so that nothing else runs meanwhile.
    threads: workflow.cores
    params:
        run=settings_of,
        model_folder=lambda wildcards: model_folder(run_of(wildcards)),
        dataset_folder=lambda wildcards: f"resources/datasets/{run_of(wildcards)['dataset']}",
        export=export_flags,
    shell:
        "python scripts/measure_process.py --run {params.run:q} --repeat {wildcards.repeat}"
        " --model-folder {params.model_folder:q} --dataset-folder {params.dataset_folder:q} {params.export:q}"
        " --output {output.record:q} --log {log:q}"
