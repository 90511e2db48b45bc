"""What the control group that this process lives in allows it, and whether the kernel killed for want of memory."""

from pathlib import Path

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")

# What version 1 writes for "no limit" is the largest page-aligned number; nobody has this much memory.
UNLIMITED = 1 << 60


def folders(controller: str, proc: Path = PROC, cgroups: Path = CGROUPS) -> list[Path]:
    """The folder of this process's group for a controller, then those of its ancestors; empty where there are none.

    Both versions of control groups are read. Inside a container the path may name nothing: the nearest ancestor that
    is visible comes first then.
    """
    membership = proc / "self" / "cgroup"
    if not membership.is_file():
        return []
    unified = None
    for line in membership.read_text().splitlines():
        _, controllers, path = line.split(":", maxsplit=2)
        if controller in controllers.split(","):
            return _upwards(cgroups / controller, path)
        if not controllers:
            unified = path
    return [] if unified is None else _upwards(cgroups, unified)


def _upwards(root: Path, path: str) -> list[Path]:
    group = root / path.lstrip("/")
    return [folder for folder in (group, *group.parents) if folder.is_relative_to(root) and folder.is_dir()]


def memory_limit_mib(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """The least memory limit, in MiB, of this process's groups; None where there is none."""
    limits = [
        int(text)
        for folder in folders("memory", proc, cgroups)
        for name in ("memory.max", "memory.limit_in_bytes")
        if (text := _text(folder / name)).isdigit()
    ]
    return min((limit >> 20 for limit in limits if limit < UNLIMITED), default=None)


def cpu_limit(proc: Path = PROC, cgroups: Path = CGROUPS) -> float | None:
    """The least CPU quota of this process's groups, in CPUs; None where there is none."""
    quotas = []
    for folder in folders("cpu", proc, cgroups):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        quota, period = quota or _text(folder / "cpu.cfs_quota_us"), period or _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit():
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def oom_kills(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """How many processes the kernel has killed for want of memory, in this process's group and on the whole machine.

    Only its growth means something: one kill may count in both.
    """
    files = [
        folder / name
        for folder in folders("memory", proc, cgroups)[:1]
        for name in ("memory.events", "memory.oom_control")
    ]
    lines = [line.split() for file in [*files, proc / "vmstat"] for line in _text(file).splitlines()]
    return sum(int(words[1]) for words in lines if words[0] == "oom_kill")


def _text(file: Path) -> str:
    return file.read_text().strip() if file.is_file() else ""
