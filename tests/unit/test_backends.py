"""What a backend refuses before anything is measured; what it computes is tested with the real ones."""

import pytest

from cotejo.backends import backend
from cotejo.errors import CotejoError


@pytest.mark.parametrize(
    ("name", "architecture", "precision", "compute_precision", "said"),
    [
        ("onnxruntime", "blip", "fp32", "bf16", "Use f32 or device-default"),
        ("onnxruntime", "blip", "fp16", "f32", "Use f16 or device-default"),
        ("pytorch", "whisper", "fp32", "bf16", "openai-whisper computes in fp32"),
        ("pytorch", "llama", "bf16", "f32", "can't compute in f32 on weights of bf16"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(name, architecture, precision, compute_precision, said):
    run = {"architecture": architecture, "precision": precision, "compute_precision": compute_precision}
    with pytest.raises(CotejoError, match=said):
        backend(name).check(run)


@pytest.mark.parametrize(
    ("precision", "compute_precision"), [("fp32", "f32"), ("fp32", "bf16"), ("bf16", "device-default")]
)
def test_settings_that_go_together_pass(precision, compute_precision):
    run = {"architecture": "llama", "precision": precision, "compute_precision": compute_precision}
    backend("pytorch").check(run)
