"""Checks that come out as they are named."""

import os
import signal
import time

from cotejo.errors import CotejoError
from cotejo.gpu_check.check import Box, Found, Untried, check


@check("passes")
def passes(box: Box) -> Found:
    """It works.

    More of it.
    """
    (box.shared / "made").write_text(box.device)
    return {"rate_hz": 4.99999, "each": [1.5, 2.0], "driver": "a|b"}


@check("fails")
def fails(box: Box) -> Found:
    """It doesn't."""
    assert (box.shared / "made").read_text() == box.device, "what one check made is there for the next"
    print("seen in the log")
    raise CotejoError("tokens: 3: the CPU says 4.\nLook again")


@check("crashes")
def crashes(box: Box) -> Found:
    """It ends its process."""
    print("about to", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


@check("hangs", limit_s=0.6)
def hangs(box: Box) -> Found:
    """It never ends."""
    while True:
        time.sleep(1)


@check("lacks")
def lacks(box: Box) -> Found:
    """It finds something missing."""
    raise Untried("needs a server")


@check("wants", needs=("PIL", "no_such_package", "nor_this"))
def wants(box: Box) -> Found:
    """It needs packages."""
    return {}


@check("several", gpus=2)
def several(box: Box) -> Found:
    """It needs two GPUs."""
    return {}


@check("on-gpus-alone", rehearsed=False)
def on_gpus_alone(box: Box) -> Found:
    """It says nothing on a CPU."""
    return {}
