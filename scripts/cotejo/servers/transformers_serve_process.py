"""transformers' command line, able to stream what a model with images says.

Up to 5.5, which is the newest that optimum-intel admits, the server looks for the inner tokenizer on what prepares its
inputs, where only models of text alone have it, and answers 500. Fixed upstream as here:
https://github.com/huggingface/transformers/pull/45368
"""

from typing import Any


def inner_tokenizer(processor: Any) -> Any:
    return processor.tokenizer._tokenizer


def main() -> None:
    from transformers import ProcessorMixin
    from transformers.cli.transformers import main as command_line

    ProcessorMixin._tokenizer = property(inner_tokenizer)
    command_line()


if __name__ == "__main__":
    main()
