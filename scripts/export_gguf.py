"""Export a model to GGUF for llama.cpp: Llama, and LLaVA-1.5 with its vision transformer beside it in mmproj.gguf.

An export that cannot be made is a result: export.json says why, and the exit status is 0.
"""

from cotejo.command import run
from cotejo.exports.make import command

if __name__ == "__main__":
    run(lambda: command("gguf", __doc__))
