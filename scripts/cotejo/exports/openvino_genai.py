"""The layout that openvino-genai's WhisperPipeline loads: optimum-intel's, with a stateful decoder and a tokenizer.

Llama needs no format of its own for openvino-genai: the `openvino` one serves it too.
"""

import shutil
from pathlib import Path

import numpy as np

from cotejo.exports.ir import compiled, save_tokenizer, steps
from cotejo.exports.ir import weights as weights
from cotejo.exports.openvino_whisper import PROMPT
from cotejo.exports.optimum import INT8, convert

PRECISIONS = {"whisper": ("fp32", "fp16", "int8")}
ARCHITECTURES = tuple(PRECISIONS)
DISTRIBUTIONS = ("openvino", "openvino-tokenizers", "nncf", "optimum-intel", "optimum", "transformers", "torch")


def export(model_folder: Path, output: Path, architecture: str, precision: str) -> None:
    """openvino_encoder_model.xml, openvino_decoder_model.xml, the feature extractor's settings and the tokenizer."""
    import torch
    from optimum.exporters.openvino import main_export
    from optimum.intel import OVConfig, OVModelForSpeechSeq2Seq

    if precision == "int8":
        convert(OVModelForSpeechSeq2Seq, model_folder, output, precision, INT8)
    else:
        main_export(
            str(model_folder.absolute()),
            output,
            task="automatic-speech-recognition-with-past",
            library_name="transformers",
            ov_config=OVConfig(dtype=precision),  # without it the size of the model decides
            model_loading_kwargs={"torch_dtype": torch.float32},
            local_files_only=True,
        )
    save_tokenizer(model_folder, output)
    shutil.copy2(model_folder / "preprocessor_config.json", output)


def outputs(export_folder: Path, architecture: str, inputs: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """{"encoded", "logits"}: the transcript's beginning decoded at once, every token after it from the cache."""
    encoder = compiled(export_folder / "openvino_encoder_model.xml")
    decoder = compiled(export_folder / "openvino_decoder_model.xml").create_infer_request()
    answers = []
    for given in inputs:
        encoded = encoder({"input_features": given["mel"]})["last_hidden_state"]
        decoder.reset_state()
        logits = []
        for begin, end in steps(given["tokens"].shape[1], PROMPT):
            feed = {
                "input_ids": given["tokens"][:, begin:end],
                "encoder_hidden_states": encoded,
                "beam_idx": np.zeros(1, dtype=np.int32),
            }
            decoder.infer(feed)
            logits.append(decoder.get_tensor("logits").data.copy())
        answers.append({"encoded": encoded, "logits": np.concatenate(logits, axis=1)})
    return answers
