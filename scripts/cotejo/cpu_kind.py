"""Which kind of CPU this machine has, for programs that are compiled for it."""

import platform
from pathlib import Path

from cotejo.files import digest


def cpu_digest(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What a program made for this very CPU needs of another: the same design, with the same vector instructions.

    The instructions count by themselves because a hypervisor may hide some; the kernel's own flags don't count.
    """
    first = cpuinfo.read_text(encoding="utf-8").split("\n\n")[0]
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    design = ("vendor_id", "cpu family", "model", "model name", "CPU implementer", "CPU part", "Features")
    vector = ("sse", "ssse", "avx", "amx", "fma", "f16c", "bmi")
    flags = sorted(flag for flag in facts.get("flags", "").split() if flag.startswith(vector))
    return digest([platform.machine(), [facts.get(name) for name in design], flags])
