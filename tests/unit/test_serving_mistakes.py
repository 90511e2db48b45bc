"""What each mistake in a run that has a server, or should have one, is answered with."""

import re
from pathlib import Path

import pytest
from study_example import BLIP, CHAT, SEEN, VIDEO, also, copy_config, load

from cotejo.errors import CotejoError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return copy_config(tmp_path)


WRONG = {
    "misspelt server": (
        CHAT.replace("mers-s", "mer-s"),
        "server: 'transformer-serve': no server of that name. Did you",
    ),
    "misspelt client": (also(CHAT, "client: vlm-bench"), "client: 'vlm-bench': no client of that name. Did you mean"),
    "misspelt API": (also(CHAT, "api: openai-chta"), "api: 'openai-chta': no API of that name. Did you mean"),
    "misspelt backend": (
        BLIP.replace("onnxruntime", "onxruntime"),
        "backend: 'onxruntime': no backend of server triton",
    ),
    "misspelt option": (also(BLIP, "batchin: none"), "batchin: 'none': unknown key. Did you mean 'batching'?"),
    "backend of another server": (
        CHAT.replace("pytorch", "vllm"),
        "backend: 'vllm': no backend of server transformers-s",
    ),
    "backend in process": (
        CHAT.replace("pytorch", "openvino"),
        "backend: 'openvino': no backend of server transformers",
    ),
    "backend of servers only": (VIDEO.replace("openvino", "vllm"), "is a backend of servers only. Add `server: vllm`"),
    "model it can't serve": (
        BLIP.replace("triton", "transformers-serve").replace("onnxruntime", "pytorch"),
        "server: 'transformers-serve': can't serve blip-image-captioning-base (blip). Servers that can: triton",
    ),
    "precision it can't load": (also(CHAT, "precision: int4"), "precision: 'int4': tinyllama-1.1b-chat on server tran"),
    "precision the export hasn't": (
        also(BLIP, "precision: bf16"),
        "precision: 'bf16': blip-image-captioning-base on ser",
    ),
    "device in process": (
        also(VIDEO, "device: cuda"),
        "device: 'cuda': backend openvino doesn't run on it. Take cpu",
    ),
    "accelerators without a device": (also(BLIP, "accelerators: 1"), "accelerators: 1: needs `device: cuda`. Add it"),
    "device without accelerators": (
        also(BLIP, "device: cuda, accelerators: 0"),
        "accelerators: 0: `device: cuda` needs",
    ),
    "accelerators without a split": (
        also(BLIP, "device: cuda, accelerators: 2"),
        "accelerators: 2: needs `split`, how the model is divided over them. Take instances or tensor_parallel or",
    ),
    "split over one": (
        also(BLIP, "device: cuda, split: instances"),
        "split: 'instances': needs at least two `accelera",
    ),
    "split of nothing": (
        also(BLIP, "split: instances"),
        "split: 'instances': a model is split over accelerators, of wh",
    ),
    "client that can't speak": (
        also(BLIP, "client: aiperf"),
        "client: 'aiperf': aiperf can't ask server triton for image-captioning: it would have to speak "
        "triton-infer, and speaks openai-",
    ),
    "client that can't send images": (
        also(SEEN, "client: vllm-bench"),
        "client: 'vllm-bench': vllm-bench can't ask for visual-question-answering, but for text-generation. Use",
    ),
    "API the server hasn't": (
        also(CHAT, "api: triton-infer"),
        "server transformers-serve doesn't speak it. Take openai-c",
    ),
    "API the client hasn't": (
        also(BLIP, "client: aiperf, api: triton-infer"),
        "api: 'triton-infer': client aiperf doesn't speak it, but openai-",
    ),
    "open load by a closed client": (
        also(CHAT, "client: hey, load: open, rate_rps: 5"),
        "load: 'open': client hey can put on a load that is closed. Take that, or another client",
    ),
    "rate of a closed load": (
        also(CHAT, "rate_rps: 5"),
        "rate_rps: 5: belongs to `load: open`, but the load is closed",
    ),
    "arrival of a closed load": (also(CHAT, "arrival: constant"), "arrival: 'constant': belongs to `load: open`"),
    "concurrency of an open load": (
        also(CHAT, "load: open, rate_rps: 5, concurrency: 2"),
        "concurrency: 2: belongs to `load: closed`, but the load is open. Delete it, or change `load`",
    ),
    "open load without a rate": (also(CHAT, "load: open"), "rate_rps: None: `load: open` needs it"),
    "rate of nothing": (also(CHAT, 'load: open, rate_rps: "0,1"'), "rate_rps: '0,1': a rate of 0 sends nothing"),
    "no rate at all": (also(CHAT, "load: open, rate_rps: 0"), "rate_rps: 0: "),
    "garbled rates": (also(CHAT, 'load: open, rate_rps: "1;2"'), "rate_rps: '1;2': must be requests per second"),
    "concurrency backwards": (also(CHAT, "concurrency: 4-1"), "concurrency: 4-1: 4-1 runs backwards. Write 1-4"),
    "garbled concurrency": (also(CHAT, "concurrency: 1:4:1"), "concurrency: '1:4:1': must be a number of requests"),
    "concurrency of none": (also(CHAT, "concurrency: 0"), "concurrency: 0: must be a number of requests"),
    "more levels than time": (
        also(CHAT, "concurrency: 1-99999"),
        "timeout_s: 3600: 99999 load levels of 110 s take 1.09999e+07 s. Raise it, or give fewer",
    ),
    "garbled client's cores": (
        also(CHAT, "client_cores: most"),
        "client_cores: 'most': must be 'rest', a number of CPUs",
    ),
    "option of another server": (
        also(CHAT, "batching: dynamic"),
        "batching: 'dynamic': is no option of text-generation on server transformers-serve (new_tokens",
    ),
    "option of another client": (
        also(CHAT, "client: hey, stream: true"),
        "stream: True: is no option of text-generation",
    ),
    "option of another task": (
        also(BLIP, "new_tokens: 8"),
        "new_tokens: 8: is no option of image-captioning on server",
    ),
    "what the server itself refuses": (
        also(CHAT, "compute_precision: bf16"),
        "runs[0]: compute_precision: bf16: transformers-serve computes in the precision of its weights",
    ),
    "first token of a whole answer": (
        also(BLIP, "limit_ttft_ms: 5"),
        "limit_ttft_ms: 5: answers by triton-infer come in o",
    ),
    "time per token of a whole answer": (
        also(CHAT, "stream: false, limit_tpot_ms: 5"),
        "limit_tpot_ms: 5: answers by openai-chat come in one piece here. Use limit_latency_ms",
    ),
    "prefix of no prompt": (
        also(BLIP, "shared_prefix_tokens: 5"),
        "shared_prefix_tokens: 5: image-captioning has no p",
    ),
    "prefix of one request": (
        also(CHAT, "client: hey, shared_prefix_tokens: 5"),
        "shared_prefix_tokens: 5: client hey sends one request over and over. Delete it",
    ),
    "early stop of a tool": (
        also(CHAT, "client: hey, stop_width: 0.05"),
        "stop_width: 0.05: client hey can't end a load that is closed early",
    ),
    "setting of a server without one": (also(VIDEO, "concurrency: 2"), "concurrency: needs server. Give both, or none"),
    "option of a server without one": (also(VIDEO, "batching: none"), "batching: needs server. Give both, or none"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_mistake_is_answered_with_file_key_value_and_remedy(config: Path, kind: str) -> None:
    block, message = WRONG[kind]
    with pytest.raises(CotejoError) as error:
        load(config, block)
    assert re.match(r"\S*config/studies/test\.yaml: runs\[0\]", str(error.value))
    assert message in str(error.value)
