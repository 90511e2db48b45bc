"""What Cotejo's text generation is held against: the same generate() call in a bare loop, as anyone would write it.

Prints {"tokens_per_s", "peak_rss_mib"} as JSON.
"""

import argparse
import json
import time

import torch
from optimum.intel import OVModelForCausalLM
from transformers import AutoTokenizer

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--export", required=True, help="the folder of an OpenVINO export")
parser.add_argument("--prompt", required=True)
parser.add_argument("--new-tokens", type=int, required=True)
parser.add_argument("--warmup-s", type=float, required=True)
parser.add_argument("--duration-s", type=float, required=True)
parser.add_argument("--threads", type=int, required=True)
arguments = parser.parse_args()

torch.set_num_threads(arguments.threads)
tokenizer = AutoTokenizer.from_pretrained(arguments.export)
config = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": arguments.threads,
    "ENABLE_CPU_PINNING": False,
    "INFERENCE_PRECISION_HINT": "f32",
}
model = OVModelForCausalLM.from_pretrained(arguments.export, device="CPU", ov_config=config)
inputs = tokenizer.apply_chat_template(
    [{"role": "user", "content": arguments.prompt}], add_generation_prompt=True, return_tensors="pt", return_dict=True
)


def loop(duration_s: float) -> float:
    """Tokens per second of as many generate() calls as begin within the duration."""
    begun = time.monotonic()
    tokens = 0
    while True:
        answer = model.generate(
            **inputs, min_new_tokens=arguments.new_tokens, max_new_tokens=arguments.new_tokens, do_sample=False
        )
        tokens += answer.shape[1] - inputs["input_ids"].shape[1]
        elapsed = time.monotonic() - begun
        if elapsed >= duration_s:
            return tokens / elapsed


loop(arguments.warmup_s)
rate = loop(arguments.duration_s)
with open("/proc/self/status") as status:  # noqa: PTH123
    peak_kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print(json.dumps({"tokens_per_s": rate, "peak_rss_mib": peak_kib / 1024}))
