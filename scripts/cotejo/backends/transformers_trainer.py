"""The Trainer of transformers, as a fine-tuning script has it, in one process on the CPU or on one GPU."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cotejo.backends import cuda
from cotejo.errors import CotejoError, DeviceMissing, SplitMissing
from cotejo.models import architecture
from cotejo.tasks.fine_tuning import Finished, Pair

FORMATS = {"t5": None}
ARCHITECTURES = tuple(FORMATS)
PRECISIONS = ("fp32",)
DEVICES = ("cpu", "cuda")
SPLITS = ("zero1", "zero3-offload")
DISTRIBUTIONS = ("torch", "transformers", "accelerate", "tokenizers", "numpy")

OPTIMIZERS = {"adamw": "adamw_torch", "adafactor": "adafactor"}
# The Trainer's names of what is computed in a lower precision, by autocast; weights and their gradients stay in fp32.
MIXED = {"bf16": {"bf16": True}, "f16": {"fp16": True}}
SCHEDULE = "linear"

IGNORED = -100  # a label that PyTorch's cross-entropy leaves out


def check(run: Mapping[str, Any]) -> None:
    """CotejoError where settings don't go together in a training."""
    if run["stop_width"] is not None:
        raise CotejoError(
            f"stop_width: {run['stop_width']:g}: a training ends after its epochs, or after max_steps. Delete it"
        )
    if run["compute_precision"] == "f16" and run["device"] == "cpu":
        raise CotejoError("compute_precision: f16: PyTorch trains in f16 on GPUs alone. Use f32, or bf16")


def load(run: Mapping[str, Any], artefact: Path, model_folder: Path, threads: int) -> "Training":
    """`artefact` is the model's folder."""
    import torch

    torch.set_num_threads(threads)
    gpus = run.get("accelerators", 0)
    if gpus:
        cuda.require(gpus)
    if run.get("split"):
        raise SplitMissing(f"split: {run['split']}: needs DeepSpeed, which this Cotejo can't start yet")
    return Training(architecture(run["architecture"]).load(artefact, "float32"), run, gpus)


class Training:
    """An engine of the fine-tuning task."""

    def __init__(self, model: Any, run: Mapping[str, Any], gpus: int) -> None:
        self._model = model
        self._run = run
        self._gpus = gpus

    def train(
        self, pairs: Sequence[Pair], order: Sequence[int], run: Mapping[str, Any], folder: Path, finished: Finished
    ) -> dict[str, float]:
        import torch
        from transformers import Trainer, TrainerCallback, TrainingArguments

        on_gpu = self._gpus > 0
        table = padded(pairs, self._model.config.pad_token_id, run["source_tokens"], run["target_tokens"])

        class Stepwise(Trainer):
            """Keeps a step's loss, which the Trainer itself only adds up."""

            def training_step(self, *arguments: Any, **named: Any) -> torch.Tensor:
                self.loss: torch.Tensor = super().training_step(*arguments, **named)
                return self.loss

        class AtEnds(TrainerCallback):
            def on_step_end(self, *arguments: Any, **named: Any) -> None:
                if on_gpu:
                    torch.cuda.synchronize()  # its weights are there when the GPU says so, not when it was asked
                finished(trainer.loss.item())

        trainer = Stepwise(
            model=self._model,
            args=TrainingArguments(
                output_dir=str(folder / "trainer"),
                per_device_train_batch_size=run["batch_size"],
                num_train_epochs=1,  # `order` has the run's epochs one after another
                train_sampling_strategy="sequential",
                learning_rate=run["learning_rate"],
                lr_scheduler_type=SCHEDULE,
                optim=OPTIMIZERS[run["optimizer"]],
                seed=run["seed"],
                use_cpu=not on_gpu,
                dataloader_pin_memory=on_gpu,
                remove_unused_columns=False,
                report_to="none",
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
                **MIXED.get(run["compute_precision"], {}),
            ),
            train_dataset=order,
            data_collator=lambda rows: {name: values[rows] for name, values in table.items()},
            callbacks=[AtEnds()],
        )
        if trainer.args.n_gpu > 1:  # it would divide every batch over all of them
            raise DeviceMissing(f"one GPU was asked for, and the Trainer took {trainer.args.n_gpu}")
        trainer.train()
        return {f"gpu{gpu}_memory_allocated_peak_mib": peak / (1 << 20) for gpu, peak in cuda.peaks(self._gpus).items()}

    def properties(self) -> dict[str, Any]:
        import torch

        config = self._model.config
        return {
            "weights": str(self._model.dtype),
            "compute": self._run["compute_precision"],
            "attention": config._attn_implementation,
            "dropout": config.dropout_rate,
            "lr_scheduler": SCHEDULE,
            "num_threads": torch.get_num_threads(),
            **(cuda.properties(self._model, self._gpus) if self._gpus else {}),
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
