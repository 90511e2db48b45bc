"""What jobs ask of Slurm, and what is looked at before any of them is submitted. Without Slurm none of it counts."""

from cotejo.output_cache import check_told
from cotejo.slurm import RESOURCES, measuring_resources, preparing_resources, refuse_queued, remember_job_age


def asked_of_slurm():
    """The resources of jobs that measure: as they are where all runs have the same, else as functions of wildcards.

    For thousands of jobs functions are dear: Snakemake asks each several times, and looks every time at what it takes.
    """
    asked = {key: measuring_resources(machine(run["system"]), run) for key, run in RUNS.items()}
    found = {}
    for resource in RESOURCES:
        values = {key: resources.get(resource) for key, resources in asked.items()}
        several = len(set(values.values())) > 1
        found[resource] = by_run(values) if several else next(iter(values.values()), None)
    return {resource: value for resource, value in found.items() if value is not None}


def by_run(values):
    """A function of wildcards: that of these values which belongs to the run."""
    return lambda wildcards: values[wildcards.results, wildcards.system, wildcards.run]


# What rules ask of Slurm.
MEASURING = asked_of_slurm()
PREPARING = preparing_resources(next((file for file in map(machine, SELECTED) if "slurm" in file), {}))


onstart:
    if workflow.non_local_exec:
        try:
            if workflow.enable_cache:
                check_told(workflow.workflow_settings.cache)
            if measuring():
                # Only here it is known that no other Snakemake has this checkout.
                refuse_queued(Path.cwd())
        except CotejoError as error:
            stop(error)
        remember_job_age()
