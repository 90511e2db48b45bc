import pytest

from cotejo.bandwidth import bound, copy_rate, decoding_rate, weights_bytes
from cotejo.errors import CotejoError

SHAPES = {
    "language_model.model.embed_tokens.weight": ((100, 8), "float16"),
    "language_model.model.layers.0.mlp.weight": ((16, 8), "float16"),
    "language_model.model.norm.weight": ((8,), "float16"),
    "language_model.lm_head.weight": ((100, 8), "float16"),
    "vision_tower.layers.0.weight": ((64, 64), "float16"),
    "multi_modal_projector.linear.weight": ((64, 8), "float16"),
}
DECODER = 16 * 8 + 8 + 100 * 8
REPORT = {
    "torch": {"names": ["A GPU", "A GPU"]},
    "checks": [
        {"name": "telemetry", "found": {"rate_hz": 5}},
        {
            "name": "copy-rate",
            "found": {
                "gpu0_copy_read_and_write_gb_per_s": 900.0,
                "gpu0_from_host_gb_per_s": 20.0,
                "gpu1_copy_read_and_write_gb_per_s": 800.0,
            },
        },
    ],
}


def sample(first_s: float, done_s: float, tokens: int, ok: int = 1) -> dict[str, str]:
    values = {"first_token_s": first_s, "done_s": done_s, "tokens_out": tokens, "ok": ok}
    return {key: str(value) for key, value in values.items()}


def test_a_token_reads_the_decoder_and_neither_pictures_nor_a_row_of_the_embedding():
    assert weights_bytes(SHAPES, "fp16") == 2 * DECODER
    assert weights_bytes(SHAPES, "fp32") == 4 * DECODER


def test_an_embedding_that_is_the_last_layer_too_is_read_whole():
    tied = {name: shape for name, shape in SHAPES.items() if "lm_head" not in name}
    assert weights_bytes(tied, "fp16") == 2 * DECODER


def test_weights_of_unknown_bytes_are_refused():
    with pytest.raises(CotejoError, match="int4"):
        weights_bytes(SHAPES, "int4")


def test_decoding_counts_from_the_first_token_to_the_last():
    rows = [sample(1, 2, 11), sample(1, 3, 11), sample(0, 100, 11), sample(1, 1, 1), sample(0, 0.001, 11, ok=0)]
    assert decoding_rate(rows) == 5
    with pytest.raises(CotejoError, match="new_tokens"):
        decoding_rate([sample(1, 1, 1)])


def test_the_slowest_card_of_the_same_kind_bounds():
    assert copy_rate(REPORT, ["A GPU"]) == 800
    with pytest.raises(CotejoError, match="another GPU"):
        copy_rate(REPORT, ["another GPU"])
    with pytest.raises(CotejoError, match="no copy rate"):
        copy_rate({**REPORT, "checks": []}, ["A GPU"])


def test_the_share_is_what_is_read_of_what_can_be_moved():
    record = {"run": {"id": "one", "precision": "fp16"}, "runtime": {"gpus": ["A GPU"]}}
    found = bound(record, [sample(0, 1, 401)], SHAPES, REPORT)
    assert (found.weights_bytes, found.tokens_per_s) == (2 * DECODER, 400)
    assert found.read_gb_per_s == pytest.approx(2 * DECODER * 400 / 1e9)
    assert found.share == pytest.approx(2 * DECODER * 400 / 800e9)
    with pytest.raises(CotejoError, match="no GPU"):
        bound({**record, "runtime": {}}, [], SHAPES, REPORT)
