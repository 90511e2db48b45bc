"""The run's own requests for load tools that take them from a file: no two alike, as many as a level can need."""

import math
from itertools import islice

from cotejo.apis import api
from cotejo.apis.interface import Item
from cotejo.clients.interface import ClientJob

# Without a rate to go by: more than any server that these tools could drive answers.
MOST_RPS = 200
# At a server that computes nothing (a run without one, cotejo.clients.calibration): more than these tools can send.
MOST_NULL_RPS = 2000


def enough(job: ClientJob) -> int:
    """As many requests as a level can need, none of them twice."""
    rate_rps = job.level.rate_rps or (MOST_NULL_RPS if job.run["server"] is None else MOST_RPS)
    return math.ceil((job.run["warmup_s"] + job.run["duration_s"]) * rate_rps * 1.2) + 10 * (job.level.concurrency or 1)


def items(job: ClientJob, number: int) -> list[Item]:
    """The first so many of the run's items."""
    return list(islice(api(job.api).items(job.run, job.dataset_folder, job.model_folder), number))
