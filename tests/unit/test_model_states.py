"""The memory of model states, counted on tensors whose sizes are known."""

from types import SimpleNamespace

import pytest
import torch

from cotejo.backends.model_states import MIB, ModelStates, held, reported

WEIGHTS = 100 * 50 + 50  # of the layer below


def test_memory_counts_once_and_whole():
    flat = torch.zeros(1000)
    assert held([flat[:10], flat[990:], None, torch.zeros(0)]) == {"cpu": 4000}
    assert held([flat[:10], torch.zeros(5, dtype=torch.int64)], besides=[flat[500:]]) == {"cpu": 40}
    assert held([torch.zeros(10, device="meta")]) == {"meta": 40}


def layer_in_training(steps=2, watched=None):
    model = torch.nn.Linear(100, 50)
    optimizer = torch.optim.AdamW(model.parameters())
    states = ModelStates(model, optimizer, watched)
    for _ in range(steps):
        model(torch.ones(3, 100)).sum().backward()
        optimizer.step()
        states.first_step_is_done()
        optimizer.zero_grad()
    return states.found()


def test_plain_adamw_holds_four_times_the_weights():
    found = layer_in_training()
    counters = 2 * 4  # of steps, one for each tensor
    assert found == {
        "parameters": {"cpu": 4 * WEIGHTS},
        "gradients": {"cpu": 4 * WEIGHTS},
        "optimizer": {"cpu": 8 * WEIGHTS + counters},
        "master_weights": {},
    }


def test_what_deepspeed_keeps_of_gradients_counts_too():
    buffers = SimpleNamespace(
        grad_partitions_flat_buffer=torch.zeros(10), averaged_gradients={0: [torch.zeros(5)], 1: None}
    )
    assert layer_in_training(watched=buffers)["gradients"] == {"cpu": 4 * (WEIGHTS + 15)}


def test_copies_that_the_optimizer_updates_in_place_of_the_weights_are_told_apart():
    model = torch.nn.Linear(100, 50)
    model.weight.ds_tensor = torch.zeros(2500)  # the part of one of two processes
    model.weight.data = torch.empty(0)
    copy = torch.zeros(2500, requires_grad=True)
    optimizer = torch.optim.AdamW([copy])
    states = ModelStates(model, optimizer, None)
    copy.grad = torch.ones(2500)
    optimizer.step()
    found = states.found()
    assert found["parameters"] == {"cpu": 4 * (2500 + 50)}
    assert found["master_weights"] == found["gradients"] == {"cpu": 4 * 2500}


def test_they_are_reported_by_rank_and_by_place_where_there_is_a_gpu():
    states = {
        "parameters": {"cpu": MIB},
        "gradients": {"cpu": 2 * MIB},
        "optimizer": {"cpu": MIB},
        "master_weights": {},
    }
    assert reported(states, 1) == {
        "rank1_parameters_mib": 1.0, "rank1_gradients_mib": 2.0, "rank1_optimizer_mib": 1.0,
        "rank1_model_state_mib": 4.0,
    }  # fmt: skip
    offloaded = reported(states | {"gradients": {"cuda": MIB, "cpu": MIB}}, 0)
    assert offloaded["rank0_gradients_mib"] == pytest.approx(2.0)
    assert (offloaded["rank0_model_state_host_mib"], offloaded["rank0_model_state_gpu_mib"]) == (3.0, 1.0)
