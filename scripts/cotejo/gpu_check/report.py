"""The table of what was checked, for people (Markdown) and for programs (JSON)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cotejo.files import replacing, write_json
from cotejo.gpu_check.check import CPU
from cotejo.gpu_check.perform import FAIL, PASS, UNTRIED, Result

VERSION = 1


def write(folder: Path, results: Sequence[Result], seen: Mapping[str, Any], device: str, when: str) -> None:
    """Write report.md and report.json."""
    told = {"version": VERSION, "device": device, "when": when, **seen, "checks": [asdict(each) for each in results]}
    write_json(folder / "report.json", told)
    with replacing(folder / "report.md") as temporary:
        temporary.write_text(page(results, seen, device, when), encoding="utf-8")


def page(results: Sequence[Result], seen: Mapping[str, Any], device: str, when: str) -> str:
    title = "GPU check: REHEARSAL ON CPU, which proves nothing of a GPU" if device == CPU else "GPU check"
    rows = [("check", "result", "took", "proves", "found"), ("---",) * 5]
    rows += [(each.name, mark(each), took(each), each.proves, said(each)) for each in results]
    return "\n".join(
        [
            f"# {title}",
            "",
            f"{counted(results)}. {when}, Cotejo {seen['revision'] or 'without a git revision'}.",
            "",
            *(f"- {line}" for line in lines_of(seen)),
            "",
            *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows),
            "",
        ]
    )


def counted(results: Sequence[Result]) -> str:
    """How many came to what."""
    counts = Counter(each.result for each in results)
    return f"{counts[PASS]} passed, {counts[FAIL]} failed, {counts[UNTRIED]} not tried"


def lines_of(seen: Mapping[str, Any]) -> list[str]:
    """What it was checked on."""
    torch, machine = seen["torch"], seen["machine"]
    told = ", ".join(f"{key} {torch[key]}" for key in ("cuda", "cudnn", "nccl") if torch.get(key))
    gpus = [
        f"GPU {gpu['name']}, {gpu['memory_mib']} MiB, driver {gpu['driver']} (CUDA {gpu['cuda']}), {gpu['uuid']}"
        for gpu in seen["gpus"]
    ]
    return [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mib']} MiB, {machine['os']}, "
        f"Linux {machine['kernel']}",
        *(gpus or [f"GPUs by PyTorch: {', '.join(torch['names']) or 'none'}; by NVML: none"]),
        f"Python {seen['python']}",
        ", ".join(f"{name} {version}" for name, version in seen["versions"].items()) + (f"; {told}" if told else ""),
    ]


def line(result: Result) -> str:
    """A result as the terminal shows it."""
    return f"{result.result:<9}  {result.name:<24}  {took(result):>7}  {said(result)}"


def mark(result: Result) -> str:
    return f"**{result.result}**" if result.result == FAIL else result.result


def took(result: Result) -> str:
    return "" if result.wall_s is None else f"{result.wall_s:.1f} s"


def said(result: Result) -> str:
    """What it found, or why it didn't, in one line."""
    message = " ".join(result.message.split())
    if result.result == FAIL:
        return f"{message} (log: {result.log})"
    return message or ", ".join(f"{name} {shown(value)}" for name, value in result.found.items())


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(shown, value)) if isinstance(value, list) else str(value)
