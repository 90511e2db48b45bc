"""Triton's model repository as text, and the model of ours that it may hold."""

import json
import sys

import numpy as np
import pytest
from triton_example import MODEL, exported, run

from cotejo.errors import CotejoError
from cotejo.servers import triton_repository as repository
from cotejo.servers.triton_repository import NATIVE, PYTHON, Tensor

INPUTS = [
    Tensor("pixel_values", "TYPE_FP32", (3, 384, 384)),
    Tensor("input_ids", "TYPE_INT64", (-1,)),
    Tensor("attention_mask", "TYPE_INT64", (-1,)),
]
OUTPUTS = [Tensor("logits", "TYPE_FP32", (-1, 30524))]


def config(kind, threads=8, **settings):
    return repository.config(run(**settings), INPUTS, OUTPUTS, kind, threads)


def test_dynamic_batching_on_the_cpu_as_the_published_guide_has_it():
    assert (
        config(NATIVE, batching="dynamic")
        == """\
name: "blip-image-captioning-base"
backend: "onnxruntime"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [
  { name: "pixel_values" data_type: TYPE_FP32 dims: [ 3, 384, 384 ] },
  { name: "input_ids" data_type: TYPE_INT64 dims: [ -1 ] },
  { name: "attention_mask" data_type: TYPE_INT64 dims: [ -1 ] }
]
output [
  { name: "logits" data_type: TYPE_FP32 dims: [ -1, 30524 ] }
]
instance_group [
  { count: 1 kind: KIND_CPU }
]
dynamic_batching {
  preferred_batch_size: [ 1, 2, 4, 8 ]
  max_queue_delay_microseconds: 1000
}
parameters { key: "intra_op_thread_count" value: { string_value: "8" } }
parameters { key: "inter_op_thread_count" value: { string_value: "1" } }
"""
    )


def test_without_the_backend_a_python_model_divides_the_cpus_among_its_instances():
    text = config(PYTHON, instances=3)
    assert text.startswith(f'name: "{MODEL}"\nbackend: "python"\nmax_batch_size: 8\ninput [')
    assert "platform" not in text and "dynamic_batching" not in text
    assert "\ninstance_group [\n  { count: 3 kind: KIND_CPU }\n]\n" in text
    assert text.endswith(
        'parameters { key: "threads" value: { string_value: "2" } }\n'
        'parameters { key: "providers" value: { string_value: "CPUExecutionProvider" } }\n'
    )
    assert '"threads" value: { string_value: "1" }' in config(PYTHON, threads=2, instances=3)


@pytest.mark.parametrize(
    ("settings", "group"),
    [
        ({"accelerators": 1}, "{ count: 1 kind: KIND_GPU gpus: [ 0 ] }"),
        ({"accelerators": 2, "split": "instances"}, "{ count: 1 kind: KIND_GPU gpus: [ 0, 1 ] }"),
        ({"accelerators": 3, "split": "instances", "instances": 2}, "{ count: 2 kind: KIND_GPU gpus: [ 0, 1, 2 ] }"),
    ],
)
def test_each_gpu_has_instances_of_its_own(settings, group):
    assert f"instance_group [\n  {group}\n]\n" in config(NATIVE, device="cuda", **settings)


@pytest.mark.parametrize(
    ("precision", "mode", "fp16", "int8"), [("fp32", "FP32", 0, 0), ("fp16", "FP16", 1, 0), ("int8", "INT8", 0, 1)]
)
def test_tensorrt_stands_below_onnx_runtime(precision, mode, fp16, int8):
    settings = {"provider": "tensorrt", "device": "cuda", "accelerators": 1, "precision": precision}
    warmup = """model_warmup [
  {
    name: "engine"
    batch_size: 1
    inputs { key: "pixel_values" value { data_type: TYPE_FP32 dims: [ 3, 384, 384 ] zero_data: true } }
    inputs { key: "input_ids" value { data_type: TYPE_INT64 dims: [ 16 ] zero_data: true } }
    inputs { key: "attention_mask" value { data_type: TYPE_INT64 dims: [ 16 ] zero_data: true } }
  }
]
"""
    assert f"""optimization {{
  execution_accelerators {{
    gpu_execution_accelerator : [ {{ name: "tensorrt" parameters {{ key: "precision_mode" value: "{mode}" }} }} ]
  }}
}}
{warmup}""" in config(NATIVE, **settings)
    own = config(PYTHON, **settings)
    assert "optimization" not in own and warmup in own
    assert '"providers" value: { string_value: "TensorrtExecutionProvider,CUDAExecutionProvider" }' in own
    assert f'"trt_fp16_enable" value: {{ string_value: "{fp16}" }}' in own
    assert f'"trt_int8_enable" value: {{ string_value: "{int8}" }}' in own


@pytest.mark.parametrize("settings", [{}, {"device": "cuda", "accelerators": 1}])
def test_without_tensorrt_nothing_is_built_and_waited_for(settings):
    for kind in (NATIVE, PYTHON):
        text = config(kind, **settings)
        assert "optimization" not in text and "model_warmup" not in text and "trt_" not in text
    name = "CUDAExecutionProvider" if settings else "CPUExecutionProvider"
    assert f'"providers" value: {{ string_value: "{name}" }}' in config(PYTHON, **settings)


def test_inputs_and_outputs_are_those_of_the_export(tmp_path):
    assert repository.tensors(exported(tmp_path / "export") / "model.onnx") == (INPUTS, OUTPUTS)


def test_export_that_takes_one_batch_size_alone_is_refused(tmp_path):
    with pytest.raises(CotejoError, match="pixel_values: has no free first size"):
        repository.tensors(exported(tmp_path / "export", batch=1) / "model.onnx")


class Stub:
    """What Triton's python backend gives a model, and what ONNX Runtime does with it: enough to see a batch pass."""

    class Tensor:
        def __init__(self, name, values):
            self.name, self.values = name, values

        def as_numpy(self):
            return self.values

    class TritonModelException(Exception): ...

    @staticmethod
    def get_input_tensor_by_name(request, name):
        return Stub.Tensor(name, request[name])

    @staticmethod
    def InferenceResponse(tensors):
        return {tensor.name: tensor.values for tensor in tensors}


@pytest.mark.parametrize(
    ("kind", "given", "asked", "taken", "said"),
    [
        ("CPU", "CPUExecutionProvider", [("CPUExecutionProvider", {})], ["CPUExecutionProvider"], None),
        (
            "GPU",
            "TensorrtExecutionProvider,CUDAExecutionProvider",
            [
                ("TensorrtExecutionProvider", {"device_id": "1", "trt_fp16_enable": "1"}),
                ("CUDAExecutionProvider", {"device_id": "1"}),
            ],
            ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
            None,
        ),
        (
            "GPU",
            "TensorrtExecutionProvider,CUDAExecutionProvider",
            None,
            ["CUDAExecutionProvider", "CPUExecutionProvider"],
            "onnxruntime took CUDAExecutionProvider, CPUExecutionProvider in place of TensorrtExecutionProvider",
        ),
    ],
)
def test_python_model_has_the_providers_that_it_asks_for_or_does_not_load(
    kind, given, asked, taken, said, monkeypatch, capfd
):
    import onnxruntime

    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", Stub)
    from cotejo.servers import triton_model

    class Session:
        get_inputs = get_outputs = staticmethod(list)
        get_providers = staticmethod(lambda: taken)

    opened = []
    monkeypatch.setattr(triton_model, "triton", Stub)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **given: opened.append(given) or Session())
    values = {"threads": "2", "providers": given, **({"trt_fp16_enable": "1"} if kind == "GPU" else {})}
    args = {
        "model_config": json.dumps({"parameters": {key: {"string_value": value} for key, value in values.items()}}),
        "model_repository": "/models/blip", "model_version": "1", "model_instance_kind": kind,
        "model_instance_device_id": "1",
    }  # fmt: skip
    model = triton_model.TritonPythonModel()
    if said:
        with pytest.raises(Stub.TritonModelException, match=said):
            model.initialize(args)
        return
    model.initialize(args)
    assert opened == [{"providers": asked, "enable_fallback": 0}]


def test_python_model_computes_a_batch_in_one_go_and_gives_each_its_part(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", Stub)
    from cotejo.servers.triton_model import TritonPythonModel

    given = []

    class Session:
        def run(self, names, inputs):
            given.append(inputs)
            return [inputs["a"] + inputs["b"]]

    model = TritonPythonModel()
    model._session, model._inputs, model._outputs = Session(), ["a", "b"], ["sum"]
    one, two = {"a": np.array([[1.0]]), "b": np.array([[2.0]])}, {"a": np.array([[3.0], [5.0]]), "b": np.ones((2, 1))}
    answers = model.execute([one, two])
    assert len(given) == 1 and given[0]["a"].tolist() == [[1.0], [3.0], [5.0]]
    assert [answer["sum"].tolist() for answer in answers] == [[[3.0]], [[4.0], [6.0]]]
    assert model.execute([one])[0]["sum"].tolist() == [[3.0]]
    assert given[1]["a"] is one["a"], "one request alone is not copied"
