"""A training whose loss did not fall is worth nothing."""

import pytest

from cotejo.verdict import Evidence, Finding, judge
from cotejo.verdict.learning import loss_fell


def evidence(**metrics: list[float]) -> Evidence:
    return Evidence([], "training", [], [], "", metrics=metrics)


def test_what_has_no_loss_is_not_asked() -> None:
    assert loss_fell(evidence(), {}) == []


def test_a_loss_that_falls_in_every_repeat_is_fine() -> None:
    assert loss_fell(evidence(loss_start=[9.0, 9.1], loss_end=[2.0, 9.0]), {}) == []


@pytest.mark.parametrize("end", [9.1, 12.0])
def test_a_loss_that_does_not_fall_in_one_repeat_fails_the_run(end: float) -> None:
    found = loss_fell(evidence(loss_start=[9.0, 9.1], loss_end=[2.0, end]), {})
    assert found == [Finding("failed", f"loss: 9.1 at the start, {end:.4g} at the end, in 1 of 2 repeats")]
    assert judge(found).word == "failed"
