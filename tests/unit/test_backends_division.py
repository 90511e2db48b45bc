"""Which part of a model lies where. Nothing here needs a GPU: a model without weights stands for a loaded one."""

from collections.abc import Sequence

import pytest
import torch

from cotejo.backends.division import DISK, MEMORY, TooLittleMemory, balanced, by_layers, within
from cotejo.errors import CotejoError, failure_of
from cotejo.models.huggingface import DeviceMap, Place


class LlamaDecoderLayer(torch.nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weights = torch.nn.Linear(width, width)


class Inner(torch.nn.Module):
    def __init__(self, layers: int) -> None:
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(50, 64)
        self.layers = torch.nn.ModuleList(LlamaDecoderLayer(64) for _ in range(layers))
        self.norm = torch.nn.LayerNorm(64)


class Eyes(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(8, 8) for _ in range(30))


class Seeing(torch.nn.Module):
    _no_split_modules = ("LlamaDecoderLayer",)

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.vision_tower = Eyes()
        self.language_model = Inner(layers)
        self.lm_head = torch.nn.Linear(64, 50)

    def get_memory_footprint(self) -> int:
        return sum(values.nbytes for values in self.parameters())


@pytest.fixture
def model() -> Seeing:
    with torch.device("meta"):
        return Seeing(6)


def places_of_layers(found: DeviceMap, layers: int) -> Sequence[Place]:
    return [found[f"language_model.layers.{number}"] for number in range(layers)]


def test_layers_are_where_they_are_asked_to_be_and_the_rest_around_them(model: Seeing) -> None:
    found = by_layers(model, "1,2,3", range(3))

    assert places_of_layers(found, 6) == [0, 1, 1, 2, 2, 2]
    rest = {name: gpu for name, gpu in found.items() if ".layers." not in name}
    assert rest == {"vision_tower": 0, "language_model.embed_tokens": 0, "language_model.norm": 2, "lm_head": 2}


def test_every_weight_of_a_model_is_somewhere(model: Seeing) -> None:
    divided = (by_layers(model, "3,3", range(2)), balanced(model, [1 << 30, 1 << 30]), within(model, 100_000 / 2**30))
    for found in divided:
        homes = [
            [gpu for name, gpu in found.items() if parameter == name or parameter.startswith(f"{name}.")]
            for parameter, _ in model.named_parameters()
        ]
        assert all(len(gpus) == 1 for gpus in homes)


@pytest.mark.parametrize("split_layers", ["3,2", "3,4", "2,2,1"])
def test_another_number_of_layers_is_refused(model: Seeing, split_layers: str) -> None:
    with pytest.raises(CotejoError, match=rf"split_layers: {split_layers}: . layers, and the model has 6"):
        by_layers(model, split_layers, range(split_layers.count(",") + 1))


def test_a_balanced_model_has_about_as_much_on_each_gpu(model: Seeing) -> None:
    found = balanced(model, [1 << 30, 1 << 30])

    layers = places_of_layers(found, 6)
    assert layers == sorted(layers)
    assert 2 <= layers.count(0) <= 4
    assert (found["vision_tower"], found["lm_head"]) == (0, 1)


def test_a_model_that_does_not_fit_is_out_of_memory(model: Seeing) -> None:
    with pytest.raises(TooLittleMemory, match=r"its 2 GPUs have 0\.0 GiB free") as caught:
        balanced(model, [30_000, 30_000])
    assert failure_of(caught.value)[0] == "out-of-memory"


def test_a_model_that_would_leave_a_gpu_idle_is_not_called_divided() -> None:
    with torch.device("meta"):
        tiny = Seeing(1)
    with pytest.raises(CotejoError, match=r"fewer than 4 GPUs\. Add `split_layers`"):
        balanced(tiny, [1 << 30] * 4)


def test_without_gpus_the_first_layers_are_in_memory_and_the_others_on_disk(model: Seeing) -> None:
    found = by_layers(model, "4,2", (MEMORY, DISK))

    assert places_of_layers(found, 6) == [MEMORY] * 4 + [DISK] * 2
    assert (found["vision_tower"], found["lm_head"]) == (MEMORY, DISK)


def test_what_is_in_memory_leaves_room_there_for_a_layer_from_the_disk(model: Seeing) -> None:
    found = within(model, 100_000 / 2**30)

    sizes = {name: sum(values.nbytes for values in model.get_submodule(name).parameters()) for name in found}
    in_memory = sum(size for name, size in sizes.items() if found[name] == MEMORY)
    layer = sizes["language_model.layers.5"]
    assert 100_000 - 2 * layer < in_memory <= 100_000 - layer
    layers = places_of_layers(found, 6)
    assert layers == sorted(layers) and set(layers) == {MEMORY, DISK}


@pytest.mark.parametrize(("memory_gib", "said"), [(1, "1: holds all"), (1e-6, "1e-06: holds none")])
def test_memory_that_divides_nothing_is_refused(model: Seeing, memory_gib: float, said: str) -> None:
    with pytest.raises(CotejoError, match=rf"^split_memory_gib: {said} of the model, whose weights take 0\.000\d+ GiB"):
        within(model, memory_gib)
