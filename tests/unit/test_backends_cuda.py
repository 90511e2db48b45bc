"""Which GPUs are there for PyTorch. Nothing here needs one."""

import pytest
import torch

from cotejo.backends import cuda
from cotejo.errors import DeviceMissing, failure_of


def test_a_machine_without_cuda_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(DeviceMissing, match=r"^no CUDA device here: PyTorch .* the run asks for 2") as caught:
        cuda.require(2)
    assert failure_of(caught.value)[0] == "device-missing"


def test_fewer_gpus_than_asked_for_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    cuda.require(1)
    with pytest.raises(DeviceMissing, match=r"^1 CUDA device here, and the run asks for 2"):
        cuda.require(2)
