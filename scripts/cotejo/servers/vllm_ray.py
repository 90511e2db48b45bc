"""A Ray cluster of one job's own, confined to one network interface and asking for a token, for vLLM's parts.

Ray (2.60) listens on every interface whatever address it is given, and so does PyTorch's store, so both are held to one
(`cotejo.servers.confined`). Its token is in the environment alone.
Sources: https://docs.ray.io/en/latest/ray-security/token-auth.html, https://docs.ray.io/en/latest/cluster/cli.html
"""

from cotejo.servers import confined
from cotejo.servers.interface import Cluster, Job, Launch

TOKEN = "RAY_AUTH_TOKEN"
PROCESS = "cotejo.servers.vllm_ray_process"


def environment(job: Job, cluster: Cluster, address: str, interface: str) -> dict[str, str]:
    """What confines a node's processes to an address, and has them find each other."""
    return {
        **confined.environment(job.prepared, address, "executor: ray"),
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
