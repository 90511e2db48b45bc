"""One node's part of a Ray cluster: `head` starts it, waits for the others, and runs vLLM in it; `worker` joins it.

Ends with what it runs, and ends that when it is asked to end. Under the interpreter of vLLM's stack.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

RAY = ("-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats")
OWN = ("COTEJO_LISTEN_ADDRESS", "GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "TP_SOCKET_IFNAME", "SLURMD_NODENAME")
# What vLLM's parts hand each other through Ray: what the scheduler says, not what the model computes.
OBJECT_STORE_BYTES = 1 << 30
# How long the other nodes' Ray may take to join, and the head's to listen.
JOIN_S = 300.0
ASK_S = 0.5
END_S = 8.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("head", "worker"))
    parser.add_argument("--address", required=True, help="of this node")
    parser.add_argument("--port", required=True, type=int, help="of the cluster")
    parser.add_argument("--gpus", required=True, type=int, help="that this node has for it")
    parser.add_argument("--nodes", type=int, help="head: how many nodes there are to be")
    parser.add_argument("--folder", help="head: where each node's Ray keeps its files; its sockets want a short path")
    parser.add_argument("--first", help="worker: the head's address")
    parser.add_argument("--run", nargs=argparse.REMAINDER, help="head: the module to run in it, and its arguments")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _exit)
    place = [f"--node-ip-address={arguments.address}", "--num-cpus=1", f"--num-gpus={arguments.gpus}"]
    place += [f"--object-store-memory={OBJECT_STORE_BYTES}"]
    if arguments.part == "worker":
        wait_for(arguments.first, arguments.port)
        line = [*RAY, f"--address={arguments.first}:{arguments.port}", *place]
        os.execv(sys.executable, [sys.executable, *line])
    own = ["--head", f"--port={arguments.port}", f"--temp-dir={arguments.folder}", "--include-dashboard=false"]
    ports = [f"--ray-client-server-port={free_port(arguments.address)}"]
    os.environ["AUTOSCALER_METRIC_PORT"] = str(free_port(arguments.address))
    write_own(Path(os.environ["VLLM_CONFIG_ROOT"]))
    ray = subprocess.Popen([sys.executable, *RAY, *own, *ports, *place])
    try:
        wait_for(arguments.address, arguments.port)
        wait_for_nodes(arguments.nodes)
        run(arguments.run, ray)
    finally:
        end(ray)


def write_own(folder: Path) -> None:
    """Keep what is each node's own from being carried to the others, as vLLM carries all else of its environment."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ray_non_carry_over_env_vars.json").write_text(json.dumps(OWN))


def wait_for(address: str, port: int) -> None:
    """Until something listens there; SystemExit where nothing does in time."""
    deadline_s = time.monotonic() + JOIN_S
    while time.monotonic() < deadline_s:
        try:
            socket.create_connection((address, port), timeout=ASK_S).close()
        except OSError:
            time.sleep(ASK_S)
        else:
            return
    sys.exit(
        f"error: {address}:{port}: Ray can't be reached there within {JOIN_S:g} s. Name the network interface of the "
        "nodes as `slurm: interface` in the system's file"
    )


def wait_for_nodes(nodes: int) -> None:
    """Until so many nodes are in the cluster; SystemExit where they aren't in time."""
    import ray

    ray.init(logging_level="ERROR", log_to_driver=False)
    try:
        deadline_s = time.monotonic() + JOIN_S
        while (alive := [node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]]) and len(alive) < nodes:
            if time.monotonic() > deadline_s:
                sys.exit(
                    f"error: Ray: {len(alive)} of {nodes} nodes joined within {JOIN_S:g} s: {', '.join(alive)}. Name "
                    "the network interface of the nodes as `slurm: interface` in the system's file"
                )
            time.sleep(ASK_S)
    finally:
        ray.shutdown()
    print(f"Ray's nodes: {', '.join(sorted(alive))}", flush=True)


def run(command: Sequence[str], ray: "subprocess.Popen[bytes]") -> NoReturn:
    """Run a module until it ends, or Ray does; exits as it did."""
    module = subprocess.Popen([sys.executable, "-m", *command])
    try:
        while module.poll() is None:
            if ray.poll() is not None:
                sys.exit(f"error: Ray: has ended with exit code {ray.returncode}. Read what it said above")
            time.sleep(ASK_S / 5)
    finally:
        end(module)
    sys.exit(module.returncode if module.returncode >= 0 else 128 - module.returncode)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end, and wait for it; who started this one kills what doesn't."""
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()


def free_port(address: str) -> int:
    with socket.socket() as any_socket:
        any_socket.bind((address, 0))
        return int(any_socket.getsockname()[1])


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
