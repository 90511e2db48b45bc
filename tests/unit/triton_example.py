"""A run on Triton, and an export for it."""

from pathlib import Path

from cotejo.servers import triton

MODEL = "blip-image-captioning-base"


def run(**settings):
    return {
        "model": MODEL, "backend": "onnxruntime", "device": "cpu", "accelerators": 0, "split": None,
        "precision": "fp32", "compute_precision": "f32", "caption_tokens": 16, **triton.OPTIONS, **settings,
    }  # fmt: skip


def exported(folder: Path, batch: int | str = "batch") -> Path:
    """An export with BLIP's inputs and output, and nothing between them."""
    import onnx
    from onnx import TensorProto, helper

    inputs = [
        helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [batch, 3, 384, 384]),
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, [batch, "tokens"]),
        helper.make_tensor_value_info("attention_mask", TensorProto.INT64, [batch, "tokens"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, "tokens", 30524])]
    folder.mkdir()
    onnx.save(helper.make_model(helper.make_graph([], "blip", inputs, outputs)), folder / "model.onnx")
    return folder
