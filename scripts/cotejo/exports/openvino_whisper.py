"""Whisper as two models: the encoder, run once per window, and a decoder that carries its KV cache in and out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cotejo.exports.ir import compiled, save, steps
from cotejo.models import whisper as architecture

if TYPE_CHECKING:
    import torch

# How many tokens a transcript begins with: these are decoded at once, the others one by one.
PROMPT = 4

Shapes = dict[str, tuple[int, ...]]


def export(model_folder: Path, output: Path, precision: str) -> None:
    """encoder.xml: mel → encoded, cross_key_i, cross_value_i; decoder.xml: tokens, past_…, cross_… → logits, present_…

    With B sequences, T new tokens, P tokens before them, A audio positions and a width of D, and one key and one value
    for each layer i of the decoder: mel [B, mels, 2A], encoded and cross_… [B, A, D], tokens [B, T] (int64), past_…
    [B, P, D] (P may be 0), logits [B, T, vocabulary], present_… [B, P + T, D].
    """
    import openvino
    import torch
    from whisper.model import disable_sdpa

    model: Any = architecture.load(model_folder)
    size = model.dims
    audio, width, layers = size.n_audio_ctx, size.n_text_state, size.n_text_layer
    mel = torch.zeros(1, size.n_mels, 2 * audio)
    past = [torch.zeros(1, 3, width)] * (2 * layers)
    cross = [torch.zeros(1, audio, width)] * (2 * layers)
    tokens = torch.zeros(1, PROMPT, dtype=torch.long)
    with torch.no_grad(), disable_sdpa():
        encoder = openvino.convert_model(_encoder(model), example_input=mel)
        decoder = openvino.convert_model(_decoder(model), example_input=(tokens, past, cross))
    cross_shapes: Shapes = dict.fromkeys(_names("cross", layers), (-1, audio, width))
    past_shapes: Shapes = dict.fromkeys(_names("past", layers), (-1, -1, width))
    _name(encoder, {"mel": (-1, size.n_mels, 2 * audio)}, ["encoded", *cross_shapes])
    _name(decoder, {"tokens": (-1, -1), **past_shapes, **cross_shapes}, ["logits", *_names("present", layers)])
    save(encoder, output / "encoder.xml", precision)
    save(decoder, output / "decoder.xml", precision)


def _names(what: str, layers: int) -> list[str]:
    return [f"{what}_{part}_{layer}" for layer in range(layers) for part in ("key", "value")]


def _name(model: Any, inputs: Shapes, outputs: list[str]) -> None:
    """Give a converted model's inputs their names and shapes (-1: any size), and its outputs their names."""
    import openvino

    model.reshape(
        {port: openvino.PartialShape(shape) for port, shape in zip(model.inputs, inputs.values(), strict=True)}
    )
    for port, name in zip([*model.inputs, *model.outputs], [*inputs, *outputs], strict=True):
        port.get_tensor().set_names({name})


def _encoder(model: Any) -> "torch.nn.Module":
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, mel: torch.Tensor) -> tuple[torch.Tensor, ...]:
            encoded = self.model.encoder(mel)
            attentions = [block.cross_attn for block in self.model.decoder.blocks]
            cross = [project(encoded) for attention in attentions for project in (attention.key, attention.value)]
            return (encoded, *cross)

    return Encoder()


def _decoder(model: Any) -> "torch.nn.Module":
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    def attended(
        attention: Any, x: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        query, key, value = (
            part.unflatten(2, (attention.n_head, -1)).transpose(1, 2) for part in (attention.query(x), key, value)
        )
        weighted = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        result: torch.Tensor = attention.out(weighted.transpose(1, 2).flatten(2))
        return result

    class Decoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = model.decoder

        def forward(
            self, tokens: torch.Tensor, past: list[torch.Tensor], cross: list[torch.Tensor]
        ) -> tuple[torch.Tensor, ...]:
            decoder = self.decoder
            begin = past[0].shape[1]
            end = begin + tokens.shape[1]
            x = decoder.token_embedding(tokens) + decoder.positional_embedding[begin:end]
            mask = decoder.mask[begin:end, :end]
            present = []
            for layer, block in enumerate(decoder.blocks):
                normal = block.attn_ln(x)
                key = torch.cat([past[2 * layer], block.attn.key(normal)], dim=1)
                value = torch.cat([past[2 * layer + 1], block.attn.value(normal)], dim=1)
                present += [key, value]
                x = x + attended(block.attn, normal, key, value, mask)
                x = x + attended(block.cross_attn, block.cross_attn_ln(x), cross[2 * layer], cross[2 * layer + 1], None)
                x = x + block.mlp(block.mlp_ln(x))
            return (decoder.ln(x) @ decoder.token_embedding.weight.T, *present)

    return Decoder()


def outputs(export_folder: Path, inputs: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """{"encoded", "logits"}: the transcript's beginning decoded at once, every token after it from the cache."""
    encoder, decoder = (compiled(export_folder / f"{part}.xml") for part in ("encoder", "decoder"))
    width = encoder.output("encoded").get_partial_shape()[2].get_length()
    answers = []
    for given in inputs:
        encoded = {port.get_any_name(): values for port, values in encoder({"mel": given["mel"]}).items()}
        cross = {name: values for name, values in encoded.items() if name.startswith("cross_")}
        state = {
            name.replace("cross_", "past_"): np.zeros((given["mel"].shape[0], 0, width), np.float32) for name in cross
        }
        logits = []
        for begin, end in steps(given["tokens"].shape[1], PROMPT):
            answer = decoder({"tokens": given["tokens"][:, begin:end]} | state | cross)
            named = {port.get_any_name(): values for port, values in answer.items()}
            logits.append(named.pop("logits"))
            state = {name.replace("present_", "past_"): values for name, values in named.items()}
        answers.append({"encoded": encoded["encoded"], "logits": np.concatenate(logits, axis=1)})
    return answers
