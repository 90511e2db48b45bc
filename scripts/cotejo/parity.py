"""The parity gate: an export that disagrees with PyTorch, or is not of the precision it claims, gets no speed."""

import gc
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.artefact import EXPORT, MODEL, Failure
from cotejo.errors import CotejoError
from cotejo.exports import elsewhere, exporter
from cotejo.exports.weights import elements_by_type, wrongly_stored
from cotejo.files import sha256_of
from cotejo.isolated import isolated
from cotejo.models import architecture
from cotejo.verified import verified

if TYPE_CHECKING:
    import torch

METRIC = "‖y - reference‖ / ‖reference‖, the largest of all inputs and outputs"
SEED = 0

Outputs = dict[str, np.ndarray]


def check(
    model_folder: Path, export_folder: Path, bound: float, scratch: Path, python: Path | None = None
) -> dict[str, Any]:
    """parity.json of an export: whether its outputs are within `bound` of PyTorch's and its weights stored as claimed.

    `python` is the interpreter that computes the outputs, where the export's runtime is in another environment.
    CotejoError where either folder does not hold the bytes it was written with, or the export is of another model.
    """
    verified(model_folder, MODEL)
    export = verified(export_folder, EXPORT)
    if export["model"] != sha256_of(model_folder / MODEL):
        raise CotejoError(
            f"{export_folder / 'export.json'}: model: {export['model']}: not the digest of {model_folder}/model.json. "
            f"Delete the folder {export_folder} and run the same command again, so that it is made anew"
        )
    gate = {
        "status": "failed",
        "reason": export["reason"],
        "message": export["message"],
        "metric": METRIC,
        "error": None,
        "errors": {},
        "bound": bound,
        "top1_agreement": None,
        "constants": {},
        "export": sha256_of(export_folder / EXPORT),
    }
    if export["status"] == "failed":
        return gate
    measured = isolated(_measure, model_folder, export_folder, export, python, scratch=scratch, reason="export")
    if isinstance(measured, Failure):
        return gate | {"reason": measured.reason, "message": measured.message}
    return gate | judged(measured, bound)


def judged(measured: dict[str, Any], bound: float) -> dict[str, Any]:
    """What was measured, with the verdict on it. A wrong precision is named rather than the error that it causes."""
    verdict = {key: value for key, value in measured.items() if key != "wrongly_stored"}
    beyond = {name: error for name, error in measured["errors"].items() if error is None or not error <= bound}
    if measured["wrongly_stored"]:
        return verdict | {"status": "failed", "reason": "constants", "message": measured["wrongly_stored"]}
    if beyond:
        found = ", ".join(
            f"{name} {'not finite' if error is None else f'{error:.2g}'}" for name, error in beyond.items()
        )
        return verdict | {"status": "failed", "reason": "parity", "message": f"error beyond {bound:g}: {found}"}
    return verdict | {"status": "ok", "reason": None, "message": None}


def _measure(model_folder: Path, export_folder: Path, export: dict[str, Any], python: Path | None) -> dict[str, Any]:
    form = exporter(export["format"])
    weights = form.weights(export_folder)
    inputs = architecture(export["architecture"]).parity_inputs(model_folder, SEED)
    references = _references(model_folder, export["architecture"], inputs)
    if hasattr(form, "comparable"):
        references = [form.comparable(reference) for reference in references]
    if python is None:
        answers = form.outputs(export_folder, export["architecture"], inputs)
    else:
        answers = elsewhere.answers(python, export["format"], export_folder, export["architecture"], inputs)
    return {
        **compared(answers, references),
        "constants": elements_by_type(weights),
        "wrongly_stored": wrongly_stored(weights, export["precision"]),
    }


def _references(model_folder: Path, kind: str, inputs: list[Outputs]) -> list[Outputs]:
    """PyTorch's answers in float32; its model is gone when the export is loaded, for both may not fit."""
    module = architecture(kind)
    model = computing_in_float32(module.load(model_folder, stored_type(model_folder)))
    references = [module.reference_outputs(model, given) for given in inputs]
    del model
    gc.collect()
    return references


def stored_type(model_folder: Path) -> str:
    """torch's name of the type that all of a model's weights are stored in; float32 where they are of several."""
    from safetensors import safe_open

    found = set()
    for path in model_folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as weights:
            found |= {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118 (it's no dict)
    return {frozenset({"F16"}): "float16", frozenset({"BF16"}): "bfloat16"}.get(frozenset(found), "float32")


def computing_in_float32(model: "torch.nn.Module") -> "torch.nn.Module":
    """The model with its weights kept as they are and widened only while they are used: a 16-bit model of 7e9
    parameters needs 14 GB instead of 27, and its answers are the same."""
    import torch

    def widen(module: torch.nn.Module, arguments: Any) -> None:
        for parameter in module.parameters(recurse=False):
            parameter.stored = parameter.data
            parameter.data = parameter.data.float()

    def narrow(module: torch.nn.Module, arguments: Any, output: Any) -> None:
        for parameter in module.parameters(recurse=False):
            parameter.data = parameter.stored

    for module in model.modules():
        if any(parameter.dtype != torch.float32 for parameter in module.parameters(recurse=False)):
            module.register_forward_pre_hook(widen)
            module.register_forward_hook(narrow)
    return model


def compared(answers: list[Outputs], references: list[Outputs]) -> dict[str, Any]:
    """The largest error of each output over all inputs (None: not finite), of all of them, and how often the most
    probable token is the same, where there are logits."""
    errors: dict[str, float | None] = {}
    for name in references[0]:
        pairs = zip(answers, references, strict=True)
        worst = max(relative_error(answer[name], reference[name]) for answer, reference in pairs)
        errors[name] = worst if math.isfinite(worst) else None
    known = [error for error in errors.values() if error is not None]
    return {
        "error": max(known) if len(known) == len(errors) else None,
        "errors": errors,
        "top1_agreement": _top1_agreement(answers, references) if "logits" in references[0] else None,
    }


def relative_error(answer: np.ndarray, reference: np.ndarray) -> float:
    """‖answer - reference‖ / ‖reference‖ over all elements; infinite where that is no number, or shapes differ."""
    if answer.shape != reference.shape:
        return math.inf
    with np.errstate(all="ignore"):
        difference = np.linalg.norm(np.subtract(answer, reference, dtype=np.float64))
        error = float(difference / np.linalg.norm(reference.astype(np.float64)))
    return error if math.isfinite(error) else math.inf


def _top1_agreement(answers: list[Outputs], references: list[Outputs]) -> float:
    """The share of positions where the highest logit is the same one."""
    same = [
        answer["logits"].argmax(-1) == reference["logits"].argmax(-1)
        for answer, reference in zip(answers, references, strict=True)
    ]
    return float(np.mean(np.concatenate([positions.ravel() for positions in same])))
