"""What a study asks for, measured: one job, one fresh process, one record."""


def measured_inputs(wildcards):
    """What a run is measured from; nothing where its record is there, because nothing makes a fact stale."""
    if Path(RECORD.format(**dict(wildcards.items()))).exists():
        return []
    run = run_of(wildcards)
    inputs = [model_folder(run), f"resources/datasets/{run['dataset']}"]
    return inputs if run["format"] is None else [*inputs, export_folder(run), f"{export_folder(run)}.parity.json"]


def export_flags(wildcards):
    """The flags that name a run's export and its gate's findings; none for a backend that needs no export."""
    folder, run = export_folder(run_of(wildcards)), run_of(wildcards)
    return [] if run["format"] is None else ["--artefact", folder, "--parity", f"{folder}.parity.json"]


def settings_of(wildcards):
    """A run as its measurement is told it. How often it is repeated is left out: a change of it re-measures nothing."""
    return json.dumps({key: value for key, value in run_of(wildcards).items() if key != "repeats"})


def measuring_priority(wildcards):
    """Round by round, so that the repeats of all runs interleave; within a round by the rank drawn for the run."""
    return PREPARE - int(wildcards.repeat) * len(RUNS) - RANKS[wildcards.results, wildcards.run] - 1


rule measure_process:
    """Measure one repeat of a run in a fresh, pinned process, alone on the machine; a failure is written down too."""
    input:
        measured_inputs,
    output:
        record=RECORD,
        samples=RECORD.replace(".json", ".samples.csv"),
    log:
        "logs/measure_process/{results}/{system}/{run}/r{repeat}.log",
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
