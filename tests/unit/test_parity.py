"""How far two answers are apart, and what follows from it."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cotejo import parity
from cotejo.exports.weights import Weight
from cotejo.parity import compared, judged, relative_error


def test_relative_error_of_a_known_perturbation() -> None:
    reference = np.array([[3.0, 4.0]], dtype=np.float32)
    assert relative_error(reference + np.array([[0.0, 0.5]], dtype=np.float32), reference) == pytest.approx(0.1)
    assert relative_error(reference, reference) == 0
    assert relative_error(np.zeros_like(reference), reference) == 1


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        (np.array([np.nan, 1.0]), np.array([1.0, 1.0])),
        (np.array([np.inf, 1.0]), np.array([1.0, 1.0])),
        (np.array([1.0, 1.0]), np.array([0.0, 0.0])),
        (np.ones((1, 2)), np.ones(2)),
    ],
)
def test_what_cannot_be_compared_is_infinitely_wrong(answer: np.ndarray, reference: np.ndarray) -> None:
    assert relative_error(answer, reference) == math.inf


def test_one_wrong_output_does_not_hide_behind_a_large_one() -> None:
    reference = [{"boxes": np.full((1, 4, 10), 300.0), "scores": np.full((1, 80, 10), 0.01)}] * 2
    answers = [reference[0], reference[0] | {"scores": np.full((1, 80, 10), 0.02)}]
    found = compared(answers, reference)
    assert found["errors"] == {"boxes": 0.0, "scores": pytest.approx(1.0)}
    assert found["error"] == pytest.approx(1.0)
    assert found["top1_agreement"] is None


def test_agreement_is_over_the_positions_of_all_inputs() -> None:
    reference = [{"logits": np.eye(4)[None]}, {"logits": np.eye(4)[None, :1]}]
    answers = [{"logits": np.eye(4)[None, [1, 1, 2, 3]]}, {"logits": np.eye(4)[None, :1]}]
    assert compared(answers, reference)["top1_agreement"] == pytest.approx(4 / 5)


def measured(**changes: object) -> dict[str, object]:
    return {"error": 0.01, "errors": {"logits": 0.01}, "constants": {"u8": 9}, "wrongly_stored": None} | changes


def test_verdicts() -> None:
    assert judged(measured(), bound=0.01)["status"] == "ok"
    beyond = judged(measured(), bound=0.009)
    assert (beyond["status"], beyond["reason"]) == ("failed", "parity")
    assert beyond["message"] == "error beyond 0.009: logits 0.01"
    broken = judged(measured(error=None, errors={"logits": None, "encoded": 0.0}), bound=0.1)
    assert (broken["reason"], broken["message"]) == ("parity", "error beyond 0.1: logits not finite")
    wrong = judged(measured(wrongly_stored="0 of 9 weights", errors={"logits": 1.0}), bound=0.1)
    assert (wrong["status"], wrong["reason"], wrong["message"]) == ("failed", "constants", "0 of 9 weights")
    assert all("wrongly_stored" not in verdict for verdict in (beyond, broken, wrong))


@pytest.mark.parametrize(("python", "asked"), [(None, []), (Path("/opt/python"), [("/opt/python", "tensorrt")])])
def test_outputs_are_computed_where_the_exports_runtime_is(monkeypatch, python, asked) -> None:
    answers = [{"logits": np.ones((1, 2))}]
    seen = []

    def elsewhere(there: Path, form: str, *_: object) -> list[dict[str, np.ndarray]]:
        seen.append((str(there), form))
        return answers

    form = SimpleNamespace(weights=lambda _: [Weight("f16", (4, 512), 2048, False)], outputs=lambda *_: answers)
    monkeypatch.setattr(parity, "exporter", lambda _: form)
    monkeypatch.setattr(parity, "architecture", lambda _: SimpleNamespace(parity_inputs=lambda *_: []))
    monkeypatch.setattr(parity, "_references", lambda *_: answers)
    monkeypatch.setattr(parity.elsewhere, "answers", elsewhere)
    export = {"format": "tensorrt", "architecture": "blip", "precision": "fp16"}
    found = parity._measure(Path("model"), Path("export"), export, python)
    assert (found["error"], found["wrongly_stored"], seen) == (0.0, None, asked)
