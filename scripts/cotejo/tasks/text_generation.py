"""Text generation: a prompt goes in, exactly `new_tokens` tokens come out, each the most likely one.

An engine's `generate(tokens, new_tokens)` gives a Generation. Prompts are tokenised outside the clock.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cotejo.errors import CotejoError
from cotejo.files import read_json
from cotejo.samples import Clock, Level, one_after_another
from cotejo.tasks import Metric

if TYPE_CHECKING:
    import pandas as pd

OPTIONS = {"new_tokens": 64}
IN_PROCESS_OPTIONS = {"passes": None}
ARCHITECTURES = ("llama",)
DATASET_KINDS = ("prompts", "conversations")
LEVELS = ("single-stream",)
UNIT = "token"
COLUMNS = ()


class Generation(NamedTuple):
    """The new tokens, and the instant on CLOCK_MONOTONIC at which the first of them was known."""

    tokens: Sequence[int]
    first_token_s: float


class Engine(Protocol):
    def generate(self, tokens: Sequence[int], new_tokens: int) -> Generation: ...
    def properties(self) -> dict[str, Any]: ...


class Prompt(NamedTuple):
    item: str
    tokens: list[int]


def load_requests(run: Mapping[str, Any], dataset_folder: Path, model_folder: Path) -> list[Prompt]:
    """The data set's prompts as token ids, each put into the model's chat template where it has one."""
    from tokenizers import Tokenizer

    file = model_folder / "tokenizer.json"
    if not file.is_file():
        raise CotejoError(f"{file}: no such file. Text generation needs the model's tokenizer in this format")
    tokenizer = Tokenizer.from_file(str(file))
    template = chat_template(model_folder)
    prompts = []
    for item in read_json(dataset_folder / "dataset.json")["items"]:
        text = item["text"] if template is None else template(item["text"])
        # A template writes the special tokens itself.
        prompts.append(Prompt(item["file"], tokenizer.encode(text, add_special_tokens=template is None).ids))
    return prompts


def chat_template(model_folder: Path) -> Any:
    """A function from what a user says to the text that the model expects; None where the model has no template.

    As transformers does it, but without importing it: https://huggingface.co/docs/transformers/chat_templating
    """
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    config = read_json(model_folder / "tokenizer_config.json")
    file = model_folder / "chat_template.jinja"
    source = file.read_text(encoding="utf-8") if file.is_file() else config.get("chat_template")
    if source is None:
        return None
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = _refuse
    template = environment.from_string(source)
    special = {name: _content(config.get(name)) for name in ("bos_token", "eos_token", "unk_token", "pad_token")}

    def fill(text: str) -> str:
        return template.render(messages=[{"role": "user", "content": text}], add_generation_prompt=True, **special)

    return fill


def _refuse(message: str) -> None:
    raise CotejoError(f"chat template: {message}. Use a prompt that the model's template accepts")


def _content(token: Any) -> str:
    """A special token's text, whether the tokenizer's file holds it as text or with its properties."""
    return token["content"] if isinstance(token, dict) else token or ""


def measure(
    engine: Engine,
    requests: Sequence[Prompt],
    run: Mapping[str, Any],
    level: str,
    output: Path,
    clock: Clock = time.monotonic,
) -> Level:
    wanted = run["new_tokens"]

    def perform(prompt: Prompt) -> dict[str, Any]:
        generation = engine.generate(prompt.tokens, wanted)
        if len(generation.tokens) != wanted:
            raise RuntimeError(f"{len(generation.tokens)} tokens came instead of {wanted}")
        return {"first_token_s": generation.first_token_s, "tokens_in": len(prompt.tokens), "tokens_out": wanted}

    return one_after_another(perform, requests, run, level, clock)


def metrics(samples: "pd.DataFrame", level: Mapping[str, Any], run: Mapping[str, Any]) -> list[Metric]:
    """Tokens per second of the window, percentiles of a request's time, medians of its first and its further tokens.

    Time per output token: from the first to the last, over their number but one; none where only one is asked for.
    """
    from cotejo.tasks.latency import latency_metrics, pass_metrics, percentile_metrics

    good = samples[samples["ok"] == 1]
    further = good[good["tokens_out"] > 1]
    tpot_s = (further["done_s"] - further["first_token_s"]) / (further["tokens_out"] - 1)
    return [
        Metric("tokens_per_s", float(good["tokens_out"].sum() / level["duration_s"]), "tokens/s", "higher"),
        *pass_metrics(level, run),
        *latency_metrics(good),
        *percentile_metrics("ttft", good["first_token_s"] - good["scheduled_s"], (50,)),
        *percentile_metrics("tpot", tpot_s, (50,)),
    ]
