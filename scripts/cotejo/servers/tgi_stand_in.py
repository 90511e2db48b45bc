"""A stand-in for Text Generation Inference, where neither its container nor a GPU is at hand.

It speaks TGI's documented API, headers and metrics included, takes the launcher's flags, and lets transformers generate
with the run's real model in Cotejo's own environment: one request after another, where TGI batches. What is measured of
it says whether the pipeline works, and nothing about TGI's speed.
"""

from collections.abc import Mapping
from typing import Any

from cotejo.servers import tgi
from cotejo.servers.interface import Endpoint, Job, Launch
from cotejo.servers.precision import DTYPES, check_precision

BACKENDS = {"pytorch": {"llama": None}}
PRECISIONS = tuple(DTYPES)
DEVICES = ("cpu",)
OPTIONS = tgi.OPTIONS
STACK = None
APIS = tgi.APIS
PORTS = ("http",)
KEY = tgi.KEY
STAND_IN = True
COUNTERS = True

prepare = tgi.prepare
identify = tgi.identify
counters = tgi.counters


def check(run: Mapping[str, Any]) -> None:
    check_precision(run)


def launch(job: Job, endpoint: Endpoint) -> Launch:
    return Launch([str(job.python), "-m", "cotejo.servers.tgi_stand_in_process", *tgi.flags(job, endpoint)])
