"""The Trainer of transformers, as a fine-tuning script has it: in one process on the CPU or on one GPU, or in several.

Several are started by torchrun, one for each GPU, on a CPU as many as `processes` says on each node. With `split:
data_parallel` each has the whole model and its own part of every step's pairs; gradients are averaged (PyTorch's
DistributedDataParallel, by NCCL between GPUs and by Gloo between CPUs); `zero1` and `zero3-offload` are DeepSpeed's
(`cotejo.backends.zero`). Each averages its loss over its own target tokens: where their numbers differ, that is not
quite the mean over all of the step's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotejo.backends import cuda, zero
from cotejo.backends.model_states import MIB, ModelStates, reported
from cotejo.errors import CotejoError, DeviceMissing
from cotejo.models import architecture
from cotejo.processes import own_rank
from cotejo.tasks.fine_tuning import Finished, Pair

if TYPE_CHECKING:
    from cotejo.surroundings import Surroundings

FORMATS = {"t5": None}
ARCHITECTURES = tuple(FORMATS)
PRECISIONS = ("fp32",)
DEVICES = ("cpu", "cuda")
DATA_PARALLEL = "data_parallel"
SPLITS = (DATA_PARALLEL, *zero.STAGES)
CPU_SPLITS = SPLITS
OPTIONS = {"processes": None}
NODES = True
DISTRIBUTIONS = ("torch", "transformers", "accelerate", "tokenizers", "numpy", "deepspeed")

OPTIMIZERS = {"adamw": "adamw_torch", "adafactor": "adafactor"}
# The Trainer's names of what is computed in a lower precision, by autocast; weights and their gradients stay in fp32.
MIXED = {"bf16": {"bf16": True}, "f16": {"fp16": True}}
SCHEDULE = "linear"
COLLECTIVES = {"cpu": "gloo", "cuda": "nccl"}

IGNORED = -100  # a label that PyTorch's cross-entropy leaves out


def processes(run: Mapping[str, Any]) -> int:
    """How many processes a run has on each node."""
    if run["device"] == "cpu":
        return int(run.get("processes") or 1)
    return int(run["accelerators"] // run.get("nodes", 1)) if run.get("split") else 1


def stack(run: Mapping[str, Any]) -> str | None:
    """DeepSpeed's, where a run needs it."""
    return zero.STACK if run.get("split") in zero.STAGES else None


def missing(run: Mapping[str, Any], there: "Surroundings") -> str:
    """What a run needs and hasn't got, in a sentence."""
    lacking = there.lacks_cuda_torch() if run["device"] == "cuda" else ""
    return lacking or (zero.missing(run, there) if stack(run) else "")


def check(run: Mapping[str, Any]) -> None:
    """CotejoError where settings don't go together in a training."""
    if run["stop_width"] is not None:
        raise CotejoError(
            f"stop_width: {run['stop_width']:g}: a training ends after its epochs, or after max_steps. Delete it"
        )
    if stack(run):
        zero.check(run)
    if run["device"] == "cuda":
        if "processes" in run:
            raise CotejoError(f"processes: {run['processes']}: is for a CPU. On GPUs use accelerators and split")
        return
    if run["compute_precision"] == "f16":
        raise CotejoError("compute_precision: f16: PyTorch trains in f16 on GPUs alone. Use f32, or bf16")
    several, split = processes(run) * run.get("nodes", 1) > 1, run.get("split")
    if several and split is None:
        raise CotejoError(f"split: null: several processes must be told how to share the work. Take {DATA_PARALLEL}")
    if isinstance(run["cores"], int) and run["cores"] < processes(run):
        raise CotejoError(f"processes: {processes(run)}: each needs a CPU, and `cores` is {run['cores']}. Change one")
    if split is not None and not several:
        raise CotejoError(f"split: {split}: on a CPU needs several processes. Give `processes` or `nodes`, or drop it")


def load(run: Mapping[str, Any], artefact: Path, model_folder: Path, threads: int) -> "Training":
    """`artefact` is the model's folder."""
    import torch

    torch.set_num_threads(threads)
    gpus = processes(run) if run["device"] == "cuda" else 0
    if gpus:
        cuda.require(gpus)
    if stack(run):
        zero.prepare(run)
    return Training(architecture(run["architecture"]).load(artefact, "float32"), run, gpus)


class Training:
    """An engine of the fine-tuning task. `gpus`: those of this node that it trains on, one by each process."""

    def __init__(self, model: Any, run: Mapping[str, Any], gpus: int) -> None:
        self._model = model
        self._run = run
        self._gpus = gpus
        self._rank = own_rank()

    def train(
        self,
        pairs: Sequence[Pair],
        steps: Sequence[Sequence[int]],
        run: Mapping[str, Any],
        folder: Path,
        finished: Finished,
    ) -> dict[str, float]:
        import torch
        from transformers import Trainer, TrainerCallback, TrainingArguments

        on_gpu = self._gpus > 0
        table = padded(pairs, self._model.config.pad_token_id, run["source_tokens"], run["target_tokens"])
        batches = torch.utils.data.DataLoader(
            range(len(pairs)),
            batch_sampler=steps,
            collate_fn=lambda rows: {name: values[rows] for name, values in table.items()},
            pin_memory=on_gpu,
        )

        class Stepwise(Trainer):
            """Takes the steps as they are told, and keeps a step's loss, which the Trainer itself only adds up."""

            def get_train_dataloader(self) -> torch.utils.data.DataLoader:
                return batches

            def training_step(self, *arguments: Any, **named: Any) -> torch.Tensor:
                self.loss: torch.Tensor = super().training_step(*arguments, **named)
                return self.loss

        class AtEnds(TrainerCallback):
            def on_step_begin(self, *arguments: Any, **named: Any) -> None:
                if not states:
                    engine = trainer.deepspeed
                    inner = engine.basic_optimizer if engine else trainer.optimizer.optimizer
                    states.append(ModelStates(trainer.model, inner, engine and engine.optimizer))

            def on_step_end(self, *arguments: Any, **named: Any) -> None:
                if on_gpu:
                    torch.cuda.synchronize()  # its weights are there when the GPU says so, not when it was asked
                finished(trainer.loss.item())
                states[0].first_step_is_done()

        states: list[ModelStates] = []  # of the model, once the Trainer has its optimizer
        trainer = Stepwise(
            model=self._model,
            args=TrainingArguments(
                output_dir=str(folder / "trainer"),
                per_device_train_batch_size=run["batch_size"],
                num_train_epochs=1,  # `steps` has the run's epochs one after another
                learning_rate=run["learning_rate"],
                lr_scheduler_type=SCHEDULE,
                optim=OPTIMIZERS[run["optimizer"]],
                seed=run["seed"],
                use_cpu=not on_gpu,
                ddp_backend=None if self._rank.alone else COLLECTIVES[run["device"]],
                ddp_timeout=int(run["timeout_s"]),
                ddp_find_unused_parameters=False,  # a T5 uses all of its own
                report_to="none",
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
                max_grad_norm=zero.CLIPPING,
                deepspeed=self._zero_config(),
                **MIXED.get(run["compute_precision"], {}),
            ),
            callbacks=[AtEnds()],
        )
        # Where a model says that it divides its loss by the tokens of all processes, the Trainer multiplies it by their
        # number; T5 says so, and doesn't: https://github.com/huggingface/transformers/pull/41006 mended it for another.
        trainer.model_accepts_loss_kwargs = False
        if trainer.args.n_gpu > 1:  # it would divide every batch over all of them
            raise DeviceMissing(f"one GPU was asked for, and the Trainer took {trainer.args.n_gpu}")
        trainer.train()
        found = reported(states[0].found(), self._rank.number)
        if on_gpu:
            peak = torch.cuda.max_memory_allocated(self._rank.local)
            found[f"gpu{self._rank.number}_memory_allocated_peak_mib"] = peak / MIB
        return found

    def _zero_config(self) -> dict[str, Any] | None:
        if stack(self._run) is None:
            return None
        return zero.config(self._run, self._rank.of, self._model.config.hidden_size)

    def mean_of_all(self, values: Sequence[float]) -> list[float]:
        """The mean over the processes of each of the values, of which every process has its own."""
        import torch

        if self._rank.alone:
            return [*values]
        summed = torch.tensor(values, dtype=torch.float64, device=f"cuda:{self._rank.local}" if self._gpus else "cpu")
        torch.distributed.all_reduce(summed)
        found: list[float] = (summed / self._rank.of).tolist()
        return found

    def properties(self) -> dict[str, Any]:
        import torch

        config = self._model.config
        several = {"processes": self._rank.of, "global_batch_size": self._run["batch_size"] * self._rank.of}
        return {
            "weights": str(self._model.dtype),
            "compute": self._run["compute_precision"],
            "attention": config._attn_implementation,
            "dropout": config.dropout_rate,
            "lr_scheduler": SCHEDULE,
            "num_threads": torch.get_num_threads(),
            **({} if self._rank.alone else {**several, "collectives": COLLECTIVES[self._run["device"]]}),
            **(zero.properties(self._run, told) if (told := self._zero_config()) else {}),
            **(cuda.properties({"": self._rank.local}, self._gpus) if self._gpus else {}),
        }


def padded(pairs: Sequence[Pair], pad: int, source_tokens: int, target_tokens: int) -> dict[str, Any]:
    """The pairs as the model takes them, int64 tensors of a row for each: input_ids and attention_mask [pairs, source
    tokens], labels [pairs, target tokens].
    """
    import torch

    input_ids = torch.full((len(pairs), source_tokens), pad)
    attention_mask = torch.zeros((len(pairs), source_tokens), dtype=torch.int64)
    labels = torch.full((len(pairs), target_tokens), IGNORED)
    for row, pair in enumerate(pairs):
        input_ids[row, : len(pair.source)] = torch.tensor(pair.source)
        attention_mask[row, : len(pair.source)] = 1
        labels[row, : len(pair.target)] = torch.tensor(pair.target)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
