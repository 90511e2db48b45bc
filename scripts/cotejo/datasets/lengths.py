"""Which conversations vLLM's benchmarks take, by the tokens of prompt and answer.

Source: vllm/benchmarks/datasets (`is_valid_sequence`), as benchmark_throughput.py and benchmark_serving.py had it.
"""

LEAST, LONGEST_PROMPT, LONGEST_BOTH = 4, 1024, 2048


def fits(prompt_tokens: int, answer_tokens: int) -> bool:
    """Whether neither is shorter than LEAST, nor the prompt, nor both together, too long."""
    long_enough = min(prompt_tokens, answer_tokens) >= LEAST
    return long_enough and prompt_tokens <= LONGEST_PROMPT and prompt_tokens + answer_tokens <= LONGEST_BOTH
