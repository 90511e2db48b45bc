"""`provider`, ONNX Runtime's choice on a GPU: which runs have it, and that all others are what they were."""

import pytest
from study_example import BLIP, also, copy_config, load

from cotejo.errors import CotejoError

IN_PROCESS = (
    "- {name: gpu, model: blip-image-captioning-base, dataset: photos, backend: onnxruntime, device: cuda, cores: all}"
)
SERVED = also(BLIP, "device: cuda")


@pytest.fixture
def config(tmp_path):
    return copy_config(tmp_path)


@pytest.mark.parametrize("block", [IN_PROCESS, SERVED])
def test_cuda_is_what_a_gpu_has_by_itself(block, config):
    """Said or not, it is the same run, with the digest that it had before there was a choice."""
    (unsaid,) = load(config, block).runs
    (said,) = load(config, also(block, "provider: cuda")).runs
    assert said == unsaid and "provider" not in said
    (other,) = load(config, also(block, "provider: tensorrt")).runs
    assert other["provider"] == "tensorrt" and other["digest"] != said["digest"]
    assert other["id"] == f"{said['id']}_tensorrt"


@pytest.mark.parametrize("block", [IN_PROCESS, SERVED])
def test_providers_make_an_axis(block, config):
    assert [run.get("provider") for run in load(config, also(block, "provider: [cuda, tensorrt]")).runs] == [
        None, "tensorrt"
    ]  # fmt: skip


@pytest.mark.parametrize("block", [IN_PROCESS, SERVED])
def test_on_the_cpu_of_an_overlay_there_is_nothing_to_choose(block, config):
    study = load(config, also(block, "provider: [cuda, tensorrt]"), overlay="smoke")
    assert [run["device"] for run in study.runs] == ["cpu"] and "provider" not in study.runs[0]
    assert [line["measured_as"] for line in study.merged] == [study.runs[0]["id"]]


@pytest.mark.parametrize(
    ("block", "settings", "said"),
    [
        (BLIP, "provider: tensorrt", "provider: tensorrt: computes on GPUs. Add `device: cuda`"),
        (SERVED, "provider: tensorrt, batching: dynamic", "batching: dynamic: below ONNX Runtime, TensorRT builds"),
        (SERVED.replace("onnxruntime", "tensorrt"), "provider: tensorrt", "provider: tensorrt: is of backend onnx"),
        (SERVED.replace("onnxruntime", "tensorrt"), "provider: cuda", "provider: cuda: is of backend onnxruntime"),
        (IN_PROCESS.replace("onnxruntime", "pytorch"), "provider: cuda", "provider: 'cuda': is no option of"),
        (IN_PROCESS, "precision: int8", "precision: int8: onnxruntime's CUDA provider"),
        (IN_PROCESS, "accelerators: 2, split: instances", "split: 'instances': backend onnxruntime divides no model"),
        (IN_PROCESS, "provider: directml", "provider: 'directml'"),
    ],
)
def test_what_does_not_go_together_is_refused(block, settings, said, config):
    with pytest.raises(CotejoError, match=said):
        load(config, also(block, settings))


def test_only_what_holds_to_the_gate_in_8_bits_has_them(config):
    video = "- {name: video, model: yolov8n-seg, dataset: street-video, backend: onnxruntime, precision: int8}"
    with pytest.raises(CotejoError, match=r"precision: 'int8': yolov8n-seg on backend onnxruntime has fp32, fp16\."):
        load(config, video)
    (captions,) = load(config, also(IN_PROCESS, "precision: int8, provider: tensorrt")).runs
    assert (captions["format"], captions["precision"]) == ("onnx", "int8")
