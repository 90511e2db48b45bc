"""A server of PyTorch models has one precision, for weights and arithmetic."""

import pytest

from cotejo.errors import CotejoError
from cotejo.servers.precision import check_precision, dtype


@pytest.mark.parametrize(
    ("precision", "compute", "name"),
    [("fp32", "f32", "float32"), ("fp16", "f16", "float16"), ("bf16", "bf16", "bfloat16"),
     ("fp16", "device-default", "float16")],
)  # fmt: skip
def test_same_precision_is_fine(precision, compute, name):
    run = {"precision": precision, "compute_precision": compute, "server": "vllm"}
    check_precision(run)
    assert dtype(run) == name


def test_two_precisions_are_refused_with_the_one_that_fits():
    with pytest.raises(CotejoError, match=r"compute_precision: f32: vllm computes .* fp16\. Use f16"):
        check_precision({"precision": "fp16", "compute_precision": "f32", "server": "vllm"})
