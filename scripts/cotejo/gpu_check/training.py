"""Fine-tuning: on one GPU, on two that share every step, and by DeepSpeed's ZeRO; out of memory is a result."""

from typing import Any

from cotejo.backends.transformers_trainer import COLLECTIVES
from cotejo.gpu_check.check import CPU, Box, Found, check
from cotejo.gpu_check.runs import PAIRS, measured, placed, went_well

EPOCHS, BATCH = 3, 8
SETTINGS: dict[str, Any] = {
    "model": "t5-small", "dataset": "check-pairs", "backend": "transformers-trainer", "precision": "fp32",
    "compute_precision": "f32", "source_tokens": 24, "target_tokens": 16, "warmup_steps": 2, "learning_rate": 0.003,
    "batch_size": BATCH, "epochs": EPOCHS,
}  # fmt: skip


def trained(box: Box, processes: int = 1, **more: Any) -> tuple[dict[str, Any], Found]:
    """The record of a training over so many processes, a GPU for each, and what it found.

    AssertionError unless all steps were taken and the loss fell.
    """
    on_cpu = box.device == CPU
    spread = {"processes": processes} if on_cpu and processes > 1 else {}
    asked = {**SETTINGS, "batch_size": BATCH // processes, **placed(box, processes), **spread, **more}
    record = measured(box, asked)
    level = went_well(record)
    assert level["requests"] == EPOCHS * PAIRS // BATCH, f"{level['requests']} steps"
    gpus = 0 if on_cpu else processes
    held = [level["reported"][f"gpu{number}_memory_allocated_peak_mib"] for number in range(gpus)]
    assert all(peak > 10 for peak in held), f"GPUs held {held} MiB"
    return record, {
        "steps": level["requests"],
        "steps_per_s": level["requests"] / level["duration_s"],
        "memory_peaks_mib": held,
    }


@check("t5-fp32", needs=("accelerate",))
def t5_fp32(box: Box) -> Found:
    """T5 learns on one GPU in fp32."""
    return trained(box)[1]


@check("t5-bf16", needs=("accelerate",))
def t5_bf16(box: Box) -> Found:
    """T5 learns on one GPU in mixed bf16."""
    return trained(box, compute_precision="bf16")[1]


@check("t5-data-parallel", needs=("accelerate",), gpus=2, limit_s=300)
def t5_data_parallel(box: Box) -> Found:
    """T5 learns on two GPUs that average their gradients by NCCL."""
    record, told = trained(box, 2, split="data_parallel")
    collectives = record["runtime"]["collectives"]
    assert collectives == COLLECTIVES[box.device], collectives
    return {**told, "collectives": collectives}


@check("t5-zero1", gpus=2, limit_s=600)
def t5_zero1(box: Box) -> Found:
    """T5 learns on two GPUs by DeepSpeed's ZeRO-1."""
    return _by_zero(box, "zero1")


@check("t5-zero3-offload", gpus=2, limit_s=600)
def t5_zero3_offload(box: Box) -> Found:
    """T5 learns on two GPUs by DeepSpeed's ZeRO-3, its optimiser's states and its weights in the host's memory."""
    return _by_zero(box, "zero3-offload")


def _by_zero(box: Box, split: str) -> Found:
    record, told = trained(box, 2, split=split)
    states = [record["levels"][0]["reported"][f"rank{rank}_model_state_mib"] for rank in range(2)]
    return {**told, "collectives": record["runtime"]["collectives"], "model_state_mib": states}


# On a GPU or a CPU that seems to have so little memory, which all but the large step's logits fit into.
LITTLE_GIB = {"cuda": 1, "cpu": 4}
LARGE = {"batch_size": 768, "source_tokens": 4, "target_tokens": 32}  # 3.2 GB of logits
LITTLE_MEMORY = """
import resource, runpy, sys
if sys.argv.pop(1) == "cuda":
    import torch
    torch.cuda.set_per_process_memory_fraction({gib} * 2**30 / torch.cuda.get_device_properties(0).total_memory)
else:
    resource.setrlimit(resource.RLIMIT_AS, ({gib} << 30, {gib} << 30))
runpy.run_module("cotejo.worker", run_name="__main__", alter_sys=True)
"""


@check("out-of-memory", needs=("accelerate",))
def out_of_memory(box: Box) -> Found:
    """What needs more memory than a GPU gives ends as a failed record, whose reason is out-of-memory."""
    program = LITTLE_MEMORY.format(gib=LITTLE_GIB[box.device])
    record = measured(box, {**SETTINGS, **LARGE, **placed(box)}, worker=("-c", program, box.device))
    assert (record["status"], record["reason"]) == ("failed", "out-of-memory"), (
        f"{record['reason']}: {record['message']}"
    )
    return {"message": record["message"]}
