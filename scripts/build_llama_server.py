"""Find the llama-server that serves runs of `server: llama.cpp`, or build it once from llama-cpp-python's source."""

import argparse
import os
from pathlib import Path

from cotejo.command import run
from cotejo.errors import CotejoError
from cotejo.llama_server import build, find_llama_server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--portable", action="store_true", help="for any CPU with AVX2, or any ARMv8")
    parser.add_argument("--cuda", action="store_true", help="for NVIDIA GPUs too; needs CUDA's nvcc")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="compilers at once")
    arguments = parser.parse_args()
    print(found_or_built(arguments.portable, arguments.cuda, arguments.jobs))


def found_or_built(portable: bool, cuda: bool, jobs: int) -> Path:
    """The program that runs will take; built where there is none, and always where a portable one is asked for."""
    if not portable:
        try:
            return find_llama_server(cuda)
        except CotejoError as error:
            print(error, flush=True)
    return build(portable, cuda, jobs)


if __name__ == "__main__":
    run(main)
