"""Models: the catalogue config/models.yaml, made-up weights, and one module per architecture.

An architecture's module gives, with heavy imports only inside its functions:

- `tensors(config)`: {name: (shape, data type)} of what model.safetensors holds, without making a weight;
- `initial(name, shape, config)`: what a made-up tensor holds (generator.Uniform, Constant or Range);
- `write_processor(config, folder)`: config.json and what else stands beside synthetic weights, tokenizer included;
- `load(folder, dtype)`: the PyTorch model in eval mode, from safetensors only; where it can be divided over GPUs, it
  takes a map of its modules too, and `skeleton(folder, dtype)` is the model without its weights;
- `parity_inputs(folder, seed)`: inputs for comparing an export with PyTorch, named as the export's inputs;
- `reference_outputs(model, inputs)`: PyTorch's answer to one of them, {name: array}.

`config` is a catalogue entry's `full`, with `small` laid over it at small scale.
"""

from importlib import import_module
from types import ModuleType

from cotejo.errors import CotejoError

ARCHITECTURES = {
    "llama": "cotejo.models.llama",
    "llava": "cotejo.models.llava",
    "blip": "cotejo.models.blip",
    "t5": "cotejo.models.t5",
    "whisper": "cotejo.models.whisper",
    "yolo": "cotejo.models.yolo",
}


def architecture(name: str) -> ModuleType:
    """An architecture's module; CotejoError if there is none of that name."""
    if name not in ARCHITECTURES:
        raise CotejoError(f"architecture: {name}: unknown. One of {', '.join(ARCHITECTURES)}")
    return import_module(ARCHITECTURES[name])
