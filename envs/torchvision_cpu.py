"""Lets torchvision's CUDA wheel be imported beside a CPU build of torch, where it dies for want of its `nms` operator.

PyPI's torchvision is a CUDA build; transformers and ultralytics import it but need none of its operators. `make setup`
puts this module and a one-line `torchvision_cpu.pth` ("import torchvision_cpu") into the environment's site-packages.
It waits for `torchvision.extension`, and declares the operators in Python only if the compiled ones did not load: with
a matching torch it does nothing. It imports nothing heavy by itself, as it runs at every start of the interpreter.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

kept = []  # a torch.library.Library takes its operators with it when it is collected


class ExtensionFinder:
    """Finds torchvision.extension as usual and runs `declare_operators` after its body."""

    @staticmethod
    def find_spec(name, path=None, target=None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == "torchvision.extension" else None
        if spec is None or spec.loader is None:
            return None
        original = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            original(module)
            if not module._has_ops():
                declare_operators()
                module._assert_has_ops = lambda: None

        spec.loader.exec_module = exec_module
        return spec


def declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # declared, never called
    library.impl("nms", suppress, "CPU")
    kept.append(library)


def suppress(boxes, scores, threshold):
    """Non-maximum suppression: indices of the kept boxes (x1, y1, x2, y2), best score first."""
    import torch

    order = scores.argsort(descending=True, stable=True)
    result = []
    while order.numel():
        best, order = order[0], order[1:]
        result.append(best)
        overlap = torch.minimum(boxes[best, 2:], boxes[order, 2:]) - torch.maximum(boxes[best, :2], boxes[order, :2])
        shared = overlap.clamp(min=0).prod(dim=1)
        areas = [(box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (boxes[best], boxes[order])]
        order = order[shared / (areas[0] + areas[1] - shared) <= threshold]
    return torch.stack(result) if result else order


sys.meta_path.insert(0, ExtensionFinder)
