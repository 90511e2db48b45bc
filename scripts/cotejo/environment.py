"""What a measurement ran on: probed facts, and the key that keeps unlike measurements apart."""

import hashlib
import os
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cotejo import accelerators, affinity, cgroup
from cotejo.affinity import Topology
from cotejo.command import ROOT
from cotejo.files import sha256_of
from cotejo.stacks import STAMP, lock_sha256

# What decides how a measurement comes out; a study or a document changed beside it does not.
CODE = ("Snakefile", "rules", "scripts", "envs")


def facts(root: Path = ROOT) -> dict[str, Any]:
    """The machine, its GPUs and the software, as the record's `environment` has them."""
    return {"machine": machine_facts(), "gpus": accelerators.facts(), "software": software_facts(root)}


def machine_facts(sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> dict[str, Any]:
    """The machine; None for what it does not tell. Memory in MiB, frequencies in MHz."""
    topology = affinity.topology(sys / "devices" / "system")
    cpuinfo = _cpuinfo(proc)
    memory = {line.split(":")[0]: line.split()[1] for line in (proc / "meminfo").read_text().splitlines()}
    limits = sys / "devices" / "system" / "cpu"
    return {
        "hostname": platform.node(),
        "cpu": _cpu_model(cpuinfo, sys),
        "microcode": cpuinfo.get("microcode"),
        "architecture": platform.machine(),
        "sockets": len({place.socket for place in topology.values()}),
        "cores": len({place.core for place in topology.values()}),
        "threads": len(topology),
        "smt": len({place.core for place in topology.values()}) < len(topology),
        "numa_nodes": len({place.node for place in topology.values()}),
        "numa_balancing": _flag(proc / "sys" / "kernel" / "numa_balancing"),
        "frequency_driver": _over_cpus(limits, topology, "scaling_driver"),
        "governor": _over_cpus(limits, topology, "scaling_governor"),
        "energy_preference": _over_cpus(limits, topology, "energy_performance_preference"),
        "frequency_min_mhz": _mhz(_over_cpus(limits, topology, "scaling_min_freq")),
        "frequency_max_mhz": _mhz(_over_cpus(limits, topology, "scaling_max_freq")),
        "turbo": _turbo(limits),
        "power_limit_w": _power_limit_w(sys / "class" / "powercap"),
        "mitigations": _mitigations(limits / "vulnerabilities"),
        "memory_mib": int(memory["MemTotal"]) >> 10,
        "swap_mib": int(memory["SwapTotal"]) >> 10,
        "huge_pages": _chosen(sys / "kernel" / "mm" / "transparent_hugepage" / "enabled"),
        "cgroup_memory_mib": cgroup.memory_limit_mib(proc, sys / "fs" / "cgroup"),
        "cgroup_cpus": cgroup.cpu_limit(proc, sys / "fs" / "cgroup"),
        "kernel": platform.release(),
        "os": _os_name(),
        "virtualisation": _virtualisation(cpuinfo, sys),
    }


def _cpuinfo(proc: Path) -> dict[str, str]:
    """The description of the first CPU."""
    first = (proc / "cpuinfo").read_text().split("\n\n")[0]
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}


def _cpu_model(cpuinfo: dict[str, str], sys: Path) -> str:
    """The CPU's name; of ARM, which has none, the board's name or the numbers of its designer and design."""
    if "model name" in cpuinfo:
        return cpuinfo["model name"]
    board = _text(sys / "firmware" / "devicetree" / "base" / "model")
    numbers = [cpuinfo[key] for key in ("CPU implementer", "CPU part") if key in cpuinfo]
    return board or " ".join([platform.machine(), *numbers])


def _over_cpus(folder: Path, topology: Topology, name: str) -> str | None:
    """A setting of CPU frequency scaling: every value that some CPU has, sorted; None where there is no scaling."""
    values = {_text(folder / f"cpu{cpu}" / "cpufreq" / name) for cpu in topology}
    return ", ".join(sorted(values - {None, ""}, key=str)) or None


def _mhz(khz: str | None) -> int | None:
    """The first of the frequencies, which differ only on machines with unlike cores."""
    return int(khz.split(", ")[0]) // 1000 if khz else None


def _turbo(folder: Path) -> bool | None:
    no_turbo, boost = _text(folder / "intel_pstate" / "no_turbo"), _text(folder / "cpufreq" / "boost")
    if no_turbo:
        return no_turbo == "0"
    return boost == "1" if boost else None


def _power_limit_w(folder: Path) -> float | None:
    """What the packages may draw together for long, in watts, by the kernel's RAPL interface."""
    packages = [zone for zone in folder.glob("intel-rapl:*") if _text(zone / "name").startswith("package")]
    limits_uw = [_text(zone / "constraint_0_power_limit_uw") for zone in packages]
    known = limits_uw and all(limit.isdigit() for limit in limits_uw)
    return sum(int(limit) for limit in limits_uw) / 1e6 if known else None


def _mitigations(folder: Path) -> dict[str, str] | None:
    """Of each vulnerability that the CPU has, what the kernel does about it."""
    told = {file.name: _text(file) for file in sorted(folder.glob("*"))}
    return {name: text for name, text in told.items() if text != "Not affected"} if told else None


def _chosen(file: Path) -> str | None:
    """The one that the kernel brackets: "always [madvise] never"."""
    chosen = re.search(r"\[(.+?)\]", _text(file))
    return chosen[1] if chosen else None


def _flag(file: Path) -> bool | None:
    text = _text(file)
    return text != "0" if text else None


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _virtualisation(cpuinfo: dict[str, str], sys: Path) -> str:
    """What lies between the process and the machine: "none", or the hypervisor's product, or "container", or both."""
    layers = []
    if "hypervisor" in cpuinfo.get("flags", "").split():
        dmi = sys / "class" / "dmi" / "id"
        product = f"{_text(dmi / 'sys_vendor')} {_text(dmi / 'product_name')}".strip()
        layers.append(product or "virtual machine")
    if any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv", "/.singularity.d")):
        layers.append("container")
    return ", ".join(layers) or "none"


def software_facts(root: Path = ROOT) -> dict[str, Any]:
    """Python and the C library, the lock file that the environment was made from, and what it really holds now.

    No lock file where a command runs by hand under another interpreter than Cotejo's own.
    """
    lock = root / "envs" / "main.txt"
    own = lock.is_file() and (Path(sys.prefix) / STAMP).is_file()
    return {
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "lock_digest": sha256_of(lock) if own else None,
        "installed_digest": _installed_digest({Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}),
    }


def stack_facts(name: str, python: Path) -> dict[str, Any]:
    """A stack that a run's processes are under: the lock file that it was made from, None where it is the user's own,
    and what it really holds now.
    """
    folders = python.absolute().parent.parent.glob("lib*/python*/site-packages")
    return {"name": name, "lock_sha256": lock_sha256(python), "installed_digest": _installed_digest(folders)}


def _installed_digest(folders: Iterable[Path]) -> str:
    """The SHA-256 of the sorted names and versions of the packages in these folders, as their metadata's folders say.

    The names alone: to read what they hold takes a second, and each record's list would be longer than all its rest.
    """
    installed = sorted({entry.name for folder in folders for entry in folder.glob("*.dist-info")})
    return hashlib.sha256("\n".join(installed).encode()).hexdigest()


def git_revision(root: Path = ROOT) -> str | None:
    """The checkout's commit, followed by "-dirty" where the code differs from it; None without git or a commit."""
    try:
        if _git(root, "rev-parse", "--show-toplevel") != str(root.resolve()):
            return None  # a copy that lies inside somebody else's repository
        revision = _git(root, "rev-parse", "--verify", "HEAD")
        changed = _git(root, "--no-optional-locks", "status", "--porcelain", "--", *CODE)
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{revision}-dirty" if changed else revision


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


def merge_key(record: Mapping[str, Any]) -> dict[str, Any]:
    """What two records of one run must share before their numbers may be merged (the host's name is not in it)."""
    environment, server = record["environment"], record["server"]
    return {
        # A server's programs are not in the lock file; a run in process has no such key.
        **({"server": {key: server[key] for key in ("version", "environment", "image")}} if server else {}),
        **_stack_locks(record),
        **({"stack": record["stack"]} if "stack" in record else {}),
        **_other_nodes(record),
        "system": record["system"],
        "cpu": environment["machine"]["cpu"],
        "gpus": _gpu_names(environment["gpus"], record["affinity"].get("gpus")),
        "driver": _each(gpu["driver"] for gpu in environment["gpus"]),
        "lock": environment["software"]["lock_digest"] or environment["software"]["installed_digest"],
        "model": record["model"]["digest"],
        "export": record["export"]["digest"] if record["export"] else None,
        "code": record["code_digest"],
    }


def _other_nodes(record: Mapping[str, Any]) -> dict[str, Any]:
    """The processors and drivers of a run's other machines; nothing where it has one."""
    each = [
        {
            "cpu": node["machine"] and node["machine"]["cpu"],
            "gpus": _gpu_names(node["gpus"], node.get("gpus_shown")),
            "driver": _each(gpu["driver"] for gpu in node["gpus"]),
        }
        for node in record.get("nodes", [])
    ]
    return {"nodes": sorted(each, key=str)} if each else {}


def _gpu_names(there: Iterable[Mapping[str, Any]], shown: Iterable[Mapping[str, Any]] | None) -> list[str]:
    """What kinds of GPU a run's processes were shown; those of the machine where nobody told."""
    return _each(gpu["name"] for gpu in (there if shown is None else shown))


def _stack_locks(record: Mapping[str, Any]) -> dict[str, str]:
    """The lock files of the server's and the client's environments; none of those that have none of their own, nor of
    records that are too old to tell.
    """
    told = {part: (record[part] or {}).get("lock_sha256") for part in ("server", "client")}
    return {f"{part}_lock": lock for part, lock in told.items() if lock}


def _each(values: Iterable[str | None]) -> list[str]:
    """The values, each once, sorted."""
    return sorted({value for value in values if value})


def _text(file: Path) -> str:
    """A small file's text, empty where there is none or it may not be read."""
    try:
        return file.read_text().strip("\0\n ")
    except OSError:
        return ""
