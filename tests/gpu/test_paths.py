"""Every path on this machine's GPUs, as `make gpu-check` takes it: skipped, with the reason, where that can't be."""

from pathlib import Path

import pytest
import torch

from cotejo.gpu_check import all_checks
from cotejo.gpu_check.check import CUDA, Check
from cotejo.gpu_check.perform import PASS, UNTRIED, perform

GPUS = torch.cuda.device_count() if torch.cuda.is_available() else 0


@pytest.mark.skipif(GPUS == 0, reason="no CUDA device here. Run `make gpu-check` on a machine that has one")
@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.name)
def test_the_path_works(check: Check, tmp_path: Path) -> None:
    [result] = perform([check], CUDA, GPUS, tmp_path, lambda _: None)
    if result.result == UNTRIED:
        pytest.skip(result.message)
    assert result.result == PASS, f"{result.message}\n{(tmp_path / f'{check.name}.log').read_text()}"
