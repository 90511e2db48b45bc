"""Llama on OpenVINO, by optimum-intel's generate()."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotejo.backends.greedy import Greedy
from cotejo.backends.openvino_runtime import PLUGINS, resolved, settings


class Llama(Greedy):
    def __init__(self, run: Mapping[str, Any], artefact: Path, threads: int) -> None:
        import torch
        from optimum.intel import OVModelForCausalLM

        torch.set_num_threads(threads)
        model = OVModelForCausalLM.from_pretrained(
            str(artefact), device=PLUGINS[run["device"]], ov_config=settings(run, threads, "LATENCY")
        )
        super().__init__(model)

    def properties(self) -> dict[str, Any]:
        return resolved(self.model.request.get_compiled_model())
