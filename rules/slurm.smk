"""What jobs ask of Slurm, and what is looked at before any of them is submitted. Without Slurm none of it counts."""

from cotejo.exports import of_machine
from cotejo.output_cache import check_told
from cotejo.slurm import NOTHING, RESOURCES, measuring_resources, preparing_resources, refuse_queued, remember_job_age

# Hours are what TensorRT may take for a large model whose kernels it has never timed.
ENGINE_JOB = {"device": "cuda", "accelerators": 1, "timeout_s": 3 * 3600}


def asked_of_slurm(asked, key_of):
    """The resources of jobs: as they are where all have the same, else as functions of wildcards.

    `asked` has those of each job by the key that `key_of` finds in its wildcards. For thousands of jobs functions are
    dear: Snakemake asks each several times, and looks every time at what it takes.
    """
    found = {}
    for resource in RESOURCES:
        values = {key: resources.get(resource) for key, resources in asked.items()}
        if len(set(values.values())) > 1:
            found[resource] = by_key(values, key_of, NOTHING.get(resource))
        else:
            found[resource] = next(iter(values.values()), None)
    return {resource: value for resource, value in found.items() if value is not None}


def by_key(values, key_of, nothing):
    """A function of wildcards: that of these values which belongs to the job, or what asks for nothing."""

    def value(wildcards):
        found = values[key_of(wildcards)]
        return nothing if found is None else found

    return value


# What rules ask of Slurm: to measure; to prepare; to build and to check what is for the GPUs of one system, which is done
# where it will be measured.
MEASURING = asked_of_slurm(
    {key: measuring_resources(machine(run["system"]), run) for key, run in RUNS.items()},
    lambda wildcards: (wildcards.results, wildcards.system, wildcards.run),
)
PREPARING = preparing_resources(next((file for file in map(machine, SELECTED) if "slurm" in file), {}))
BOUND = {
    run["system"]: measuring_resources(machine(run["system"]), ENGINE_JOB)
    for run in RUNS.values()
    if run["format"] and of_machine(run["format"])
}
BUILDING = asked_of_slurm(BOUND, lambda wildcards: wildcards.system)
CHECKING = asked_of_slurm(
    {"": PREPARING, **{f"-on-{system}": asked for system, asked in BOUND.items()}},
    lambda wildcards: wildcards.on,
)


def look_at_queue():
    """Before the first job is submitted: what would fail on a node, and what an earlier Snakemake left in the queue."""
    if not workflow.non_local_exec:
        return
    try:
        if workflow.enable_cache:
            check_told(workflow.workflow_settings.cache)
        if measuring():
            # Only here it is known that no other Snakemake has this checkout.
            refuse_queued(Path.cwd())
    except CotejoError as error:
        stop(error)
    remember_job_age()
