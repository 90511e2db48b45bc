"""ONNX Runtime's providers: the one that is asked for, or the reason why not; what they compute needs a GPU."""

import os
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from cotejo import accelerators
from cotejo.accelerators import Accelerator
from cotejo.backends import onnxruntime as backend
from cotejo.backends import onnxruntime_provider as provider
from cotejo.backends.onnxruntime_provider import CPU, CUDA, TENSORRT, ProviderMissing
from cotejo.errors import CotejoError, DeviceMissing, failure_of
from cotejo.files import write_json
from cotejo.stacks import lock_files

GPU = Accelerator("GPU-1", "GPU-1", "NVIDIA A30", 24576)


def run(**settings):
    return {
        "architecture": "blip", "device": "cuda", "precision": "fp32", "compute_precision": "f32", "caption_tokens": 7,
        **settings,
    }  # fmt: skip


@pytest.fixture
def artefact(tmp_path):
    """An export with one product of matrices."""
    import onnx
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in ("a", "b", "c")]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", values[:2], values[2:])
    folder = tmp_path / "export"
    folder.mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, folder / "model.onnx")
    write_json(folder / "export.json", {"files": {"model.onnx": "0123456789abcdef" * 4}})
    return folder


@pytest.fixture
def one_gpu(monkeypatch, tmp_path):
    """As if NVIDIA's driver showed a GPU; what is set or made meanwhile is gone afterwards."""
    monkeypatch.setattr(accelerators, "usable", lambda device: [GPU])
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"device": "cpu", "provider": "cuda"}, "provider: cuda: computes on GPUs. Add `device: cuda`"),
        ({"precision": "int8"}, "precision: int8: onnxruntime's CUDA provider .* Add `provider: tensorrt`"),
        ({"precision": "int8", "provider": "tensorrt", "compute_precision": "bf16"}, "Use f32 or device-default"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(CotejoError, match=said):
        backend.check(run(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"provider": "tensorrt"},
        {"provider": "tensorrt", "precision": "int8"},
        {"device": "cpu", "precision": "int8"},
        {"precision": "fp16", "compute_precision": "f16"},
    ],
)
def test_settings_that_go_together_pass(settings):
    backend.check(run(**settings))


def test_what_runs_on_gpus_runs_under_the_stack_that_has_their_libraries():
    assert backend.stack(run(device="cpu")) is None
    for name, package in {"cuda": "nvidia-cublas==13", "tensorrt": "tensorrt-cu13==10"}.items():
        (lock,) = lock_files(backend.stack(run(provider=name)))
        assert f"\n{package}." in lock.read_text() and "\nonnxruntime-gpu==" in lock.read_text()
    assert backend.stack(run()) == backend.stack(run(provider="cuda"))


@pytest.mark.parametrize(
    ("settings", "installed", "said"),
    [
        ({"device": "cpu"}, {}, ""),
        ({}, {}, "provider: cuda: onnxruntime-gpu is not installed for env/bin/python. Run `make env-onnxruntime-gpu`"),
        ({}, {"onnxruntime-gpu": "1"}, ""),
        ({"provider": "tensorrt"}, {"onnxruntime-gpu": "1"}, "provider: tensorrt: tensorrt-cu13 is not installed for"),
        ({"provider": "tensorrt"}, {"onnxruntime-gpu": "1", "tensorrt-cu13": "10"}, ""),
    ],
)
def test_what_an_environment_lacks_is_told_beforehand(settings, installed, said):
    there = SimpleNamespace(known=True, python=Path("env/bin/python"), version=installed.get)
    told = backend.missing(run(**settings), there)
    assert told.startswith(said) and bool(told) == bool(said)


def test_without_a_gpu_nothing_is_loaded(artefact, monkeypatch):
    monkeypatch.setattr(accelerators, "usable", lambda device: [])
    with pytest.raises(DeviceMissing, match="no CUDA device here") as raised:
        backend.load(run(), artefact, artefact, 1)
    assert failure_of(raised.value)[0] == "device-missing"


def lacks(library):
    import ctypes

    try:
        ctypes.CDLL(library)
    except OSError:
        return True
    return False


@pytest.mark.skipif(not lacks("libcublasLt.so.13"), reason="CUDA 13 is here: scripts/check_gpu.py tries the provider")
@pytest.mark.parametrize(("name", "missing"), [("cuda", "libcublasLt.so.13"), ("tensorrt", "libnvinfer.so.10")])
def test_a_provider_whose_libraries_are_not_there_is_a_failure_with_the_loaders_reason(
    name, missing, artefact, one_gpu, capfd
):
    """The real ONNX Runtime, which by itself would compute on the CPU."""
    with pytest.raises(ProviderMissing, match=f"{missing}: cannot open shared object file") as raised:
        backend.load(run(provider=name), artefact, artefact, 1)
    assert failure_of(raised.value)[0] == "provider-missing"


def _nodes(kind, number):
    return [SimpleNamespace(op_type=kind)] * number


class Session:
    """What ONNX Runtime makes of a graph, in as far as anyone looks."""

    def __init__(self, taken, nodes):
        self._taken, self._nodes = taken, nodes

    def get_providers(self):
        return self._taken

    def get_provider_options(self):
        return {name: {} for name in self._taken}

    def get_provider_graph_assignment_info(self):
        return [
            SimpleNamespace(ep_name=name, get_nodes=partial(_nodes, kind, number))
            for name, kinds in self._nodes.items()
            for kind, number in kinds.items()
        ]


@pytest.fixture
def opening(artefact, one_gpu, monkeypatch):
    """opening(session, **settings): what ONNX Runtime is asked for, once it gives that session."""
    import onnxruntime

    def opened(session, **settings):
        asked = {}

        def give(model, options, **given):
            asked.update(given, model=model, level=options.graph_optimization_level.name)
            return session

        monkeypatch.setattr(onnxruntime, "InferenceSession", give)
        monkeypatch.setattr(provider, "_tensorrt_version", lambda: "101601")
        found = provider.session_on_gpu(run(**settings), artefact, onnxruntime.SessionOptions())
        assert found is session
        return asked

    return opened


ALL_ON_CUDA = {CUDA: {"MatMul": 40, "Add": 9}, CPU: {"Shape": 2, "Gather": 1}}


def test_cuda_is_asked_for_alone_and_in_single_precision(opening):
    asked = opening(Session([CUDA, CPU], ALL_ON_CUDA))
    ((name, options),) = asked["providers"]
    assert (name, options["use_tf32"], options["device_id"], options["enable_cuda_graph"]) == (CUDA, "0", "0", "0")
    assert asked["enable_fallback"] == 0
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"


def test_the_devices_default_is_left_as_it_is(opening):
    ((_, options),) = opening(Session([CUDA, CPU], ALL_ON_CUDA), compute_precision="device-default")["providers"]
    assert options["use_tf32"] == "1"
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == ""


@pytest.mark.parametrize(
    ("precision", "fp16", "int8", "level"),
    [("fp32", "0", "0", "ORT_ENABLE_ALL"), ("fp16", "1", "0", "ORT_ENABLE_ALL"), ("int8", "0", "1", "ORT_DISABLE_ALL")],
)
def test_tensorrt_comes_before_cuda_and_keeps_its_engines(precision, fp16, int8, level, opening, tmp_path):
    session = Session([TENSORRT, CUDA, CPU], {TENSORRT: {"MatMul": 40}, CPU: {"Shape": 2}})
    asked = opening(session, provider="tensorrt", precision=precision)
    (first, options), (second, _) = asked["providers"]
    assert (first, second, asked["level"]) == (TENSORRT, CUDA, level)
    assert (options["trt_fp16_enable"], options["trt_int8_enable"]) == (fp16, int8)
    folder = Path(options["trt_engine_cache_path"])
    assert folder.is_dir() and folder.is_relative_to(tmp_path / "cache" / "cotejo")
    assert folder.name == "0123456789abcdef-f32" and "A30-tensorrt-101601-onnxruntime-" in folder.parent.name
    assert options["trt_timing_cache_path"] == str(folder.parent)


@pytest.mark.parametrize(
    ("taken", "nodes", "said"),
    [
        ([CPU], {CPU: {"MatMul": 40}}, f"onnxruntime took {CPU} in place of {TENSORRT}, {CUDA}: "),
        ([CUDA, CPU], ALL_ON_CUDA, f"onnxruntime took {CUDA}, {CPU} in place of {TENSORRT}, {CUDA}: "),
        ([TENSORRT, CUDA, CPU], ALL_ON_CUDA, f"{TENSORRT} didn't get the work. Products .*: {CUDA} 40$"),
        (
            [TENSORRT, CUDA, CPU],
            {TENSORRT: {"MatMul": 39}, CPU: {"Conv": 1}},
            f"{TENSORRT} didn't get the work. Products .*: {TENSORRT} 39, {CPU} 1$",
        ),
        ([TENSORRT, CUDA, CPU], {}, "Products of matrices by provider: none"),
    ],
)
def test_another_provider_is_never_taken_in_its_place(taken, nodes, said, opening):
    with pytest.raises(ProviderMissing, match=said):
        opening(Session(taken, nodes), provider="tensorrt")


def test_the_record_says_what_each_provider_got():
    session = Session([TENSORRT, CUDA, CPU], {TENSORRT: {"MatMul": 40}, CUDA: {"Gather": 3}, CPU: {"Shape": 2}})
    assert provider.nodes_of(session) == {
        TENSORRT: Counter(MatMul=40), CUDA: Counter(Gather=3), CPU: Counter(Shape=2)
    }  # fmt: skip
    said = provider.placed(session)
    assert (said["nodes"], said["nodes_on_cpu"]) == ({TENSORRT: 40, CUDA: 3, CPU: 2}, {"Shape": 2})


@pytest.mark.parametrize(
    ("architecture", "inputs"),
    [
        ("blip", {"pixel_values": (1, 3, 32, 32), "input_ids": (1, 7), "attention_mask": (1, 7)}),
        ("yolo", {"images": (1, 3, 32, 32)}),
    ],
)
def test_the_first_inference_is_none_of_those_that_are_measured(architecture, inputs, artefact, monkeypatch):
    """It has their shapes, is done once the engine is there, and the record says how long it took."""
    seen = []

    class Computing(Session):
        def get_inputs(self):
            size = "batch" if architecture == "blip" else 1
            return [SimpleNamespace(name=name, shape=[size, *shape[1:]]) for name, shape in inputs.items()]

        def get_session_options(self):
            import onnxruntime

            return onnxruntime.SessionOptions()

        def run(self, names, given):
            seen.append({name: values.shape for name, values in given.items()})
            return [None] * (1 if architecture == "blip" else 2)

    session = Computing([CUDA, CPU], ALL_ON_CUDA)
    monkeypatch.setattr(provider, "session_on_gpu", lambda run, artefact, options: session)
    engine = backend.load(run(architecture=architecture), artefact, artefact, 1)
    assert seen == [inputs]
    said = engine.properties()
    assert said["first_inference_s"] >= 0 and said["nodes"] == {CUDA: 49, CPU: 3}


def test_a_real_session_tells_what_its_provider_got(artefact):
    """What the count rests on is there in this version, and counts a graph's nodes before they are fused."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = onnxruntime.InferenceSession(artefact / "model.onnx", options, providers=[CPU])
    assert provider.nodes_of(session) == {CPU: Counter(MatMul=1)}
    with pytest.raises(ProviderMissing, match=f"{CUDA} didn't get the work"):
        provider.refuse_misplaced(provider.nodes_of(session), CUDA)


def test_engines_are_kept_apart_by_all_that_decides_them(artefact, one_gpu):
    def folder(precision="f32", gpu="NVIDIA A30", version="101601"):
        return provider.engines(run(compute_precision=precision), artefact, gpu, version)

    same = [folder(), folder()]
    others = [folder("device-default"), folder(gpu="NVIDIA A100"), folder(version="101700")]
    assert len({*same, *others}) == 4
