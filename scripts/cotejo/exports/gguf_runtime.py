"""llama-server, asked for the probabilities of all tokens: what a GGUF file computes, told by what will serve it."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cotejo.child import die_with
from cotejo.exports.gguf_file import MEDIA_MARKER, MODEL, PROJECTOR
from cotejo.llama_server import find_llama_server
from cotejo.ports import free_ports
from cotejo.servers.ask import ask, ask_json
from cotejo.servers.interface import HOST, Endpoint

# The export is compared, not the runtime's short cuts: its cache of keys and values is in half precision otherwise.
EXACT = ("--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attn", "off")
CONTEXT = 1024  # tokens: more than any of the gate's inputs
READY_S = 600
POLL_S = 0.1


class Server:
    """A llama-server that is ready, and the export it serves."""

    def __init__(self, endpoint: Endpoint, export_folder: Path) -> None:
        self._endpoint = endpoint
        self._vocabulary = int(self._ask("/v1/models")["data"][0]["meta"]["n_vocab"])
        self._plain = [[self.tokens_of("a")[-1], 1e6]]
        self._folder = export_folder

    @property
    def pixels(self) -> dict[str, list[float]]:
        """How an image's pixels are normalised: the mean and the standard deviation of red, green and blue."""
        import gguf

        fields = gguf.GGUFReader(self._folder / PROJECTOR).fields
        return {name: fields[f"clip.vision.image_{name}"].contents() for name in ("mean", "std")}

    def logits(self, prompts: Iterable[Any]) -> np.ndarray:
        """The logits of the token that follows each prompt, less their mean: float32 [prompts, vocabulary]."""
        return np.stack([self._next(prompt) for prompt in prompts])

    def _next(self, prompt: Any) -> np.ndarray:
        # The probabilities are those before any bias. One decides the answer, because the server tells them of no token
        # that ends an answer, or is but a part of a character.
        question = {"prompt": prompt, "n_predict": 1, "n_probs": self._vocabulary, "logit_bias": self._plain}
        told = self._ask("/completion", question)["completion_probabilities"][0]["top_logprobs"]
        logits = np.full(self._vocabulary, np.nan, np.float32)  # what is not told makes the gate fail
        logits[[token["id"] for token in told]] = [token["logprob"] for token in told]
        return logits - logits.mean()

    def text_of(self, tokens: list[int]) -> str:
        """A text of which llama.cpp makes exactly these tokens; ValueError where there is none."""
        text: str = self._ask("/detokenize", {"tokens": tokens})["content"]
        for candidate in (text, text.removeprefix(" ")):  # SentencePiece puts a space before every text
            if self.tokens_of(candidate) == tokens:
                return candidate
        raise ValueError(f"{text!r}: llama.cpp makes other tokens of it than {tokens}")

    def tokens_of(self, text: str, add_special: bool = False, parse_special: bool = False) -> list[int]:
        question = {"content": text, "add_special": add_special, "parse_special": parse_special}
        tokens: list[int] = self._ask("/tokenize", question)["tokens"]
        return tokens

    def prompt_of(self, messages: list[dict[str, Any]]) -> str:
        """What the chat template makes of messages."""
        prompt: str = self._ask("/apply-template", {"messages": messages})["prompt"]
        return prompt

    def _ask(self, path: str, body: Any = None) -> Any:
        answer = ask_json(self._endpoint, path, body, timeout_s=READY_S)
        if answer is None:
            raise RuntimeError(f"llama-server: {path}: it ended, or hangs")
        return answer


@contextmanager
def serving(export_folder: Path) -> Iterator[Server]:
    """llama-server on a free port, computing in float32 on the CPU; it ends with this block, and with this process.

    RuntimeError with its last words where it can't load the export, CotejoError where there is no llama-server.
    """
    endpoint = Endpoint(free_ports(("http",)), "gate")
    command = [str(find_llama_server(cuda=False)), "--model", str(export_folder / MODEL)]
    if (export_folder / PROJECTOR).is_file():
        command += ["--mmproj", str(export_folder / PROJECTOR)]
    command += ["--host", HOST, "--port", str(endpoint.ports["http"]), "--ctx-size", str(CONTEXT), "--parallel", "1"]
    command += [*EXACT, "--cache-ram", "0", "--offline", "--no-webui", "--no-warmup"]
    parent = os.getpid()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Threads that wait for one another by spinning take each other's CPU on a machine that does other things.
            env={**os.environ, "LLAMA_MEDIA_MARKER": MEDIA_MARKER, "OMP_WAIT_POLICY": "passive"},
            preexec_fn=lambda: die_with(parent),
        )
        try:
            deadline_s = time.monotonic() + READY_S
            while (answer := ask(endpoint, "/health")) is None or answer[0] != 200:
                if process.poll() is not None or time.monotonic() > deadline_s:
                    log.seek(0)
                    said = log.read().decode(errors="replace").strip().splitlines()
                    raise RuntimeError(f"llama-server: can't load the export: {_telling(said)}")
                time.sleep(POLL_S)
            yield Server(endpoint, export_folder)
        finally:
            process.kill()
            process.wait()


def _telling(lines: list[str]) -> str:
    """The first line that speaks of an error, or else the last one."""
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "it said nothing")
