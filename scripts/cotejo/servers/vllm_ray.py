"""A Ray cluster of one job's own, confined to one network interface and asking for a token, for vLLM's parts.

Ray (2.60) listens on every interface whatever address it is given, and so does PyTorch's store, so both are preloaded a
library that puts the one address in the place of all (listen_only.c). Its token is in the environment alone.
Sources: https://docs.ray.io/en/latest/ray-security/token-auth.html, https://docs.ray.io/en/latest/cluster/cli.html
"""

import shutil
import subprocess
from pathlib import Path

from cotejo.errors import ServerMissing
from cotejo.servers.interface import Cluster, Job, Launch

TOKEN = "RAY_AUTH_TOKEN"
PROCESS = "cotejo.servers.vllm_ray_process"

SOURCE = Path(__file__).with_name("listen_only.c")
LIBRARY = "listen_only.so"
COMPILERS = ("cc", "gcc", "clang")
COMPILE_S = 60.0


def prepare(folder: Path) -> None:
    """Compile the library into a folder, beside its source, for the machine that this is; only the source is there
    where this machine has no compiler.
    """
    source = Path(shutil.copyfile(SOURCE, folder / SOURCE.name))
    compiler = next((name for name in COMPILERS if shutil.which(name)), None)
    if compiler is None:
        return
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(folder / LIBRARY), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_S, check=False)
    if done.returncode != 0:
        (folder / LIBRARY).unlink(missing_ok=True)
        print(done.stderr)


def library(prepared: Path) -> Path:
    """The compiled library; ServerMissing where preparing made none."""
    file = prepared / LIBRARY
    if not file.is_file():
        raise ServerMissing(
            f"executor: ray: Ray can't be confined to one network interface without {LIBRARY}, which prepare_server "
            f"compiles: it found no working C compiler ({', '.join(COMPILERS)}). Install one where Snakemake runs, "
            f"delete {prepared} and run the same command again"
        )
    return file


def environment(job: Job, cluster: Cluster, address: str, interface: str) -> dict[str, str]:
    """What confines a node's processes to an address, and has them find each other."""
    return {
        "LD_PRELOAD": str(library(job.prepared)),
        "COTEJO_LISTEN_ADDRESS": address,
        "RAY_ADDRESS": f"{cluster.address}:{cluster.port}",
        "RAY_AUTH_MODE": "token",
        **({TOKEN: cluster.token} if cluster.token else {}),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",  # nothing is to go on elsewhere when a node is told to end
        "RAY_memory_monitor_refresh_ms": "0",  # what runs out of memory is the kernel's to end, as everywhere else
        "VLLM_HOST_IP": address,
        "GLOO_SOCKET_IFNAME": interface,
        "NCCL_SOCKET_IFNAME": interface,
        "TP_SOCKET_IFNAME": interface,
    }


def around(job: Job, cluster: Cluster, ranks: int, module: str) -> list[str]:
    """The command, up to the module's own arguments, that starts the cluster's head, waits for its other nodes, and
    runs a module in it: vLLM, divided into so many ranks, each on a GPU of its own.
    """
    place = ["--address", cluster.address, "--port", str(cluster.port), "--gpus", str(ranks // cluster.nodes)]
    head = ["--nodes", str(cluster.nodes), "--folder", str(cluster.folder)]
    return [str(job.python), "-m", PROCESS, "head", *place, *head, "--run", module]


def join(job: Job, cluster: Cluster, ranks: int) -> Launch:
    """What has another node of the allocation join the cluster, in the words of `cotejo.nodes.Follow`."""
    place = ["--address", "{address}", "--port", str(cluster.port), "--gpus", str(ranks // cluster.nodes)]
    command = [str(job.python), "-m", PROCESS, "worker", *place, "--first", cluster.address]
    return Launch(command, environment(job, cluster, "{address}", "{interface}"))
