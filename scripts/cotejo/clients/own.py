"""Cotejo's own client: a process that does nothing but send requests and note the instants, and reads answers later."""

from dataclasses import asdict
from importlib.metadata import version as version_of

from cotejo.apis import APIS as ALL_APIS
from cotejo.clients.interface import ClientJob
from cotejo.errors import CotejoError
from cotejo.files import read_json, write_json
from cotejo.samples import Level
from cotejo.servers.interface import Launch

LOADS = ("closed", "open")
STOPS = ("closed",)
APIS = tuple(ALL_APIS)
# stream: whether answers are asked for piece by piece where the API can. request_timeout_s: the most one may take.
OPTIONS = {"stream": True, "request_timeout_s": 120}
STACK = None
KEY = True
INPUTS = "unique"
LENGTHS = True
COLUMNS = ("status",)

KEY_VARIABLE = "COTEJO_CLIENT_KEY"
JOB, OUTPUT = "job.json", "level.json"


def command(job: ClientJob) -> Launch:
    place = {"dataset_folder": str(job.dataset_folder), "model_folder": str(job.model_folder)}
    server = {"ports": dict(job.endpoint.ports), "model": job.endpoint.model, "api": job.api}
    settings = {
        "run": dict(job.run),
        "level": asdict(job.level),
        "repeat": job.repeat,
        "output": str(job.folder / OUTPUT),
    }
    write_json(job.folder / JOB, settings | server | place)
    environment = {KEY_VARIABLE: job.endpoint.key} if job.endpoint.key else {}
    return Launch([str(job.python), "-m", "cotejo.clients.own_process", "--job", str(job.folder / JOB)], environment)


def read(job: ClientJob, start_s: float, output: str) -> Level:
    """The level as the process wrote it; CotejoError with what it said last where it wrote none."""
    file = job.folder / OUTPUT
    if not file.is_file():
        said = output.strip().splitlines()
        raise CotejoError(f"client cotejo: {said[-1] if said else 'it ended without a word, and without a result'}")
    found = read_json(file)
    columns = found["samples"]["columns"]
    samples = [dict(zip(columns, row, strict=True)) for row in found["samples"]["rows"]]
    return Level(**found["level"], samples=samples)


def version(job: ClientJob) -> str:
    return f"uvloop {version_of('uvloop')}, httptools {version_of('httptools')}"
