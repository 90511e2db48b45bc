"""OpenVINO's intermediate representation: how every exporter writes, runs and inspects it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cotejo.exports.weights import LEAST_ELEMENTS, Weight

# The export is compared, not the runtime's short cuts: on CPUs that have them, bf16 arithmetic, an 8-bit KV cache and
# 8-bit activations are OpenVINO's defaults.
EXACT = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}

# Which inputs of an operation hold weights.
READERS = {
    "MatMul": (0, 1),
    "Convolution": (1,),
    "GroupConvolution": (1,),
    "ConvolutionBackpropData": (1,),
    "GroupConvolutionBackpropData": (1,),
    "Gather": (0,),
}
# What may stand between a stored constant and the operation that reads it: decompression and changes of layout.
PASSING = {"Convert", "Subtract", "Multiply", "FakeQuantize", "FakeConvert", "Reshape", "Transpose", "Unsqueeze"}


def save(model: Any, path: Path, precision: str) -> None:
    """Write an openvino.Model with its weights as `precision` names them."""
    import openvino

    if precision == "int8":
        import nncf

        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_ASYM)
    openvino.save_model(model, path, compress_to_fp16=precision == "fp16")


def save_tokenizer(model_folder: Path, output: Path) -> None:
    """Write a tokenizer as its own files and as the two models that openvino-genai runs."""
    import openvino
    from openvino_tokenizers import convert_tokenizer
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    tokenizer.save_pretrained(output)
    encoder, decoder = convert_tokenizer(tokenizer, with_detokenizer=True)
    openvino.save_model(encoder, output / "openvino_tokenizer.xml")
    openvino.save_model(decoder, output / "openvino_detokenizer.xml")


def compiled(path: Path) -> Any:
    """The model compiled for the CPU, computing in float32."""
    import openvino

    return openvino.Core().compile_model(path, "CPU", EXACT)


def steps(length: int, at_once: int) -> list[tuple[int, int]]:
    """How a decoder is proven to remember: begin and end of the tokens given at once, then of each one after them."""
    first = min(at_once, length)
    return [(0, first), *((place, place + 1) for place in range(first, length))]


def weights(export_folder: Path) -> list[Weight]:
    """The weights of every model in the folder but the tokenizer's."""
    import openvino

    paths = sorted(path for path in export_folder.glob("*.xml") if not path.stem.endswith("tokenizer"))
    return [weight for path in paths for weight in _weights_of(openvino.Core().read_model(path))]


def _weights_of(model: Any) -> Iterator[Weight]:
    read: dict[str, tuple[Any, bool]] = {}
    for operation in model.get_ops():
        for place in READERS.get(operation.get_type_name(), ()):
            source = _source(operation.input_value(place).get_node())
            if source.get_type_name() == "Constant":
                table = read.get(source.get_name(), (source, False))[1] or operation.get_type_name() == "Gather"
                read[source.get_name()] = (source, table)
    for source, table in read.values():
        shape = tuple(source.get_output_shape(0))
        elements = source.get_byte_size() * 8 // source.get_element_type().bitwidth
        if elements >= LEAST_ELEMENTS:
            yield Weight(source.get_element_type().to_string(), shape, elements, table)


def _source(node: Any) -> Any:
    """The constant that a chain of decompression begins with; the node itself where it is no such chain."""
    if node.get_type_name() not in PASSING:
        return node
    sources = [_source(value.get_node()) for value in node.input_values()]
    return sources[0] if all(source.get_type_name() == "Constant" for source in sources) else node
