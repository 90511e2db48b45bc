"""Computes model.onnx with ONNX Runtime inside Triton's python backend, for servers that lack its backend for ONNX.

It is copied into the model repository, and loaded there by Triton, beside nothing else of Cotejo.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    """What Triton's python backend calls: `initialize` once for each instance, `execute` for each batch."""

    def initialize(self, args: dict[str, str]) -> None:
        parameters = json.loads(args["model_config"])["parameters"]
        wanted = parameters["providers"]["string_value"].split(",")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(parameters["threads"]["string_value"])
        options.inter_op_num_threads = 1
        model = Path(args["model_repository"], args["model_version"], "model.onnx")
        device: dict[str, str] = {}
        if args["model_instance_kind"] == "GPU":
            device = {"device_id": args["model_instance_device_id"]}
            onnxruntime.preload_dlls()
        of_tensorrt = {key: said["string_value"] for key, said in parameters.items() if key.startswith("trt_")}
        asked = [(name, device | (of_tensorrt if name.startswith("Tensorrt") else {})) for name in wanted]
        self._session = onnxruntime.InferenceSession(model, options, providers=asked, enable_fallback=0)
        self._inputs = [given.name for given in self._session.get_inputs()]
        self._outputs = [given.name for given in self._session.get_outputs()]
        # Where a provider cannot be loaded the session quietly goes on without; behind a GPU's stands always the CPU's.
        if self._session.get_providers()[: len(wanted)] != wanted:
            raise triton.TritonModelException(
                f"onnxruntime took {', '.join(self._session.get_providers())} in place of {', '.join(wanted)}: install "
                "what that provider needs into the server's environment"
            )

    def execute(self, requests: list[Any]) -> list[Any]:
        """All requests of a batch in one go."""
        given = [
            [triton.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs] for request in requests
        ]
        ends = np.cumsum([len(values[0]) for values in given])[:-1]
        batch = [values[0] if len(requests) == 1 else np.concatenate(values) for values in zip(*given, strict=True)]
        computed = self._session.run(self._outputs, dict(zip(self._inputs, batch, strict=True)))
        return [
            triton.InferenceResponse([triton.Tensor(*pair) for pair in zip(self._outputs, values, strict=True)])
            for values in zip(*(np.split(values, ends) for values in computed), strict=True)
        ]
