"""Events as Snakemake's logger hands them on, and a clock that a test moves."""

from typing import Any

from cotejo.terminal.facts import Facts, Repeat
from cotejo.terminal.view import View

RECORD = "results/demo/records/local/text_x~0123456789/r{}.json"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def facts(repeats: int, each_s: float = 10.0, high_s: float | None = 10.0, **more: Any) -> Facts:
    """So many repeats of one run of study demo."""
    words = "text, openvino int8, 2 cores"
    expected = {
        RECORD.format(number): Repeat("demo", words, number, repeats, each_s, high_s)
        for number in range(1, repeats + 1)
    }
    return Facts(expected, ("demo",), **more)


def began(job: int, rule: str, output: str, **more: Any) -> dict[str, Any]:
    """A job that begins."""
    usual = {"wildcards": {}, "log": [f"logs/{rule}/{job}.log"], "shellcmd": f"python scripts/{rule}.py"}
    return {"jobid": job, "rule_name": rule, "output": [output], **usual, **more}


def failed(job: int, rule: str, logs: list[str]) -> dict[str, Any]:
    """A job that ends with an error."""
    return {"jobid": job, "rule_name": rule, "log": logs, "rule_msg": None}


def view_of(clock: Clock, steps: int, repeats: int = 0, **more: Any) -> View:
    """A view that knows of a study."""
    view = View(clock)
    view.started(steps)
    view.told(facts(repeats, **more), "")
    return view


def texts(lines: list[tuple[str, str]]) -> list[str]:
    """Lines without their styles."""
    return [text for _, text in lines]
