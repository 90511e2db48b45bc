"""How fast a card copies: what bounds whatever must read all weights for each token."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from cotejo.gpu_check.check import CUDA, Box, Found, check

MIB = {"cuda": 1024, "cpu": 64}  # of one copy: more than any cache
TURNS, COPIES = 7, 8


@check("copy-rate")
def copy_rate(box: Box) -> Found:
    """How many bytes per second each GPU moves within its memory, read and written both counted, and from the host.

    The median of some turns of some copies each, between two waits for the GPU. As STREAM's Copy and CUDA's
    bandwidthTest count it: a copy of n bytes reads n and writes n, so it moves 2 n.
    """
    import torch

    if box.device != CUDA:
        return rates("cpu", torch.device("cpu"), MIB[box.device] << 20)
    each = [rates(f"gpu{number}", torch.device(CUDA, number), MIB[CUDA] << 20) for number in range(box.gpus)]
    return {key: rate for found in each for key, rate in found.items()}


def rates(name: str, where: Any, size: int) -> Found:
    """By name, in 10⁹ bytes per second."""
    import torch

    source = torch.empty(size, dtype=torch.uint8, device=where).fill_(1)
    target = torch.empty_like(source)
    found = {f"{name}_copy_read_and_write_gb_per_s": 2 * size * per_second(lambda: target.copy_(source), where)}
    if where.type == CUDA:
        host = torch.empty(size, dtype=torch.uint8, pin_memory=True).fill_(1)
        found[f"{name}_from_host_gb_per_s"] = size * per_second(lambda: target.copy_(host, non_blocking=True), where)
        found[f"{name}_to_host_gb_per_s"] = size * per_second(lambda: host.copy_(target, non_blocking=True), where)
    assert bool((target == 1).all()), f"{name}: what was copied is not what came"
    return {key: rate / 1e9 for key, rate in found.items()}


def per_second(copy: Callable[[], Any], where: Any) -> float:
    """How often a copy is done in a second."""
    import torch

    wait = (lambda: torch.cuda.synchronize(where)) if where.type == CUDA else (lambda: None)
    rates = []
    for turn in range(TURNS + 1):
        wait()
        begun_s = time.perf_counter()
        for _ in range(COPIES):
            copy()
        wait()
        if turn:  # the first warms up
            rates.append(COPIES / (time.perf_counter() - begun_s))
    return statistics.median(rates)
