"""Servers: what serves a backend over a port, one module each. Importing them is cheap.

A server's module gives

- `BACKENDS`: {backend it serves: {architecture: format of the export that it loads, None for the model's folder}};
- `PRECISIONS`: of the weights it can load; `DEVICES` it runs on; `OPTIONS`: {option of a run: default},
  and `USUAL` as backends have it;
- `STACK`: the environment envs/<STACK>.txt whose interpreter it runs under, None for that of Cotejo itself;
- `APIS`: what a client may speak to it, by names of `cotejo.apis`, the usual one first;
- `PORTS`: what it listens on, "http" first; each gets a free one;
- `KEY`: the environment variable by which it takes the key that clients must show, None where it can ask for none;
- `STAND_IN`: whether it only imitates the server that it is named after, which every record and figure then says;
- `NODES`, only where it is True: it takes several nodes of an allocation;
- `clustered(run)`, only where some runs need a cluster of their own, as all those on several nodes do: whether this one
  does. `job.cluster` is then where, and what is started may listen there and on the loopback alone;
- `join(job)`, with it: what has another node join the cluster (a Launch), in the words of `cotejo.nodes.Follow`;
- `LENGTHS`, only where it is True: each request tells it how many tokens to answer with, neither fewer nor more;
- `COUNTERS`: whether it has counters of its own, for `counters` below;
- `check(run)`, only where some settings don't go together: raises the CotejoError that says which;
- `missing(run, there)`, only where a machine or an environment may lack what a run needs: what, as `check` would say
  it, or an empty text. Asked of Surroundings before any job, and so often that nothing may be imported for it;
- `comparable(run)`, only where some runs can't answer as PyTorch does on the same weights: whether this one can;
- `golden_item(item, model_folder)`, only where it scales images otherwise than PyTorch's processor does: the item with
  an image that neither has to scale;
- `prepare(job)`: render into job.prepared whatever it needs, as files that a person can read; often nothing;
- `launch(job, endpoint)`: the command line that starts it (a Launch), from a Job and the Endpoint that it is to be;
- `identify(endpoint)`: an Identity once the right model answers, None while nothing does yet, CotejoError where it is
  another model or another server;
- `explain(line)`, only where some lines of its log need words: what to do about one, or an empty text;
- `counters(endpoint)`: what it has counted since its start, as {name of `cotejo.servers.interface.COUNTED`: number}.
"""

from importlib import import_module
from types import ModuleType

from cotejo.errors import CotejoError

SERVERS = {
    "triton": "cotejo.servers.triton",
    "vllm": "cotejo.servers.vllm",
    "tgi": "cotejo.servers.tgi",
    "tgi-stand-in": "cotejo.servers.tgi_stand_in",
    "llama.cpp": "cotejo.servers.llama_cpp",
    "llava-worker": "cotejo.servers.llava_worker",
    "transformers-serve": "cotejo.servers.transformers_serve",
}


def server(name: str) -> ModuleType:
    """A server's module; CotejoError if there is none of that name."""
    if name not in SERVERS:
        raise CotejoError(f"server: {name}: unknown. One of {', '.join(SERVERS)}")
    return import_module(SERVERS[name])
