"""Words for people: durations, steps of the workflow, and lines that fit a width."""

import textwrap
from collections.abc import Mapping

# What steps do, by rule, filled with their wildcards. A rule that isn't here is told by its name.
_STEPS = {
    "fetch_model": "fetching {model}",
    "copy_model": "copying {model}",
    "synthesize_model": "making {model}, {scale}, with random weights",
    "export_openvino": "exporting {model} to OpenVINO, {precision}",
    "export_openvino_genai": "exporting {model} to OpenVINO GenAI, {precision}",
    "export_onnx": "exporting {model} to ONNX, {precision}",
    "export_gguf": "exporting {model} to GGUF, {precision}",
    "export_tensorrt": "building TensorRT's engine of {model}, {precision}",
    "check_export": "checking {model}, {format} {precision}, against PyTorch",
    "prepare_dataset": "preparing data set {dataset}",
    "create_environment": "installing the environment {stack}",
    "pull_image": "pulling the image {image}",
    "prepare_server": "preparing the server of {run}",
    "launch_server": "trying the server of {run}",
    "measure_process": "measuring {results}: {run}, repeat {repeat}",
    "measure_server": "measuring {results}: {run}, repeat {repeat}",
    "plan_runs": "listing the runs of {results}",
    "summarise": "summarising {results}",
    "compare_published": "comparing {results} with what was published",
    "price_results": "counting what {results} costs",
    "plot_figure": "drawing {results}: {figure}",
    "write_tensorboard": "writing TensorBoard's files of {results}",
    "make_report": "writing the report of {results}",
}
# Steps that come before measuring, and are told of when they are done: they take long, and happen once.
PREPARING = frozenset(
    rule
    for rule in _STEPS
    if rule.startswith(("fetch", "synthesize", "export", "check", "create", "pull", "launch", "prepare_dataset"))
)
MEASURING = frozenset({"measure_process", "measure_server"})


def step_words(rule: str, wildcards: Mapping[str, str]) -> str:
    """What a step of the workflow does, of any rule: "exporting whisper-base to ONNX, fp32"."""
    if rule in _STEPS and "{" in _STEPS[rule]:
        shown = {name: value.partition("~")[0] if name == "run" else value for name, value in wildcards.items()}
        return _STEPS[rule].format(**shown)
    name = rule.replace("_", " ")
    return f"{name} ({', '.join(wildcards.values())})" if wildcards else name


def plural(count: int, noun: str) -> str:
    """ "1 repeat", "2 repeats", "0 passes"."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"


def clock(seconds: float) -> str:
    """A time that has passed, as a clock shows it: 0:07, 12:34, 1:02:03."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def lasted(seconds: float) -> str:
    """How long something took: "7 s", "4 min 5 s", "3 h 12 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours} h {minute} min" if hours else f"{minutes} min {second} s"


def coarse(seconds: float) -> str:
    """A duration that nobody knows exactly, without the digits that would claim so: "50 s", "4 min", "2.5 h"."""
    if seconds < 55:
        return f"{max(10, round(seconds / 10) * 10)} s"
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    if seconds < 2 * 86400:
        hours = seconds / 3600
        return f"{hours:.0f} h" if hours >= 10 else f"{round(hours * 2) / 2:g} h"
    return f"{seconds / 86400:.0f} days"


def span(low_s: float, high_s: float | None) -> str:
    """A range of durations: "about 4 min" where the ends say the same, "4 to 9 min", "at least 4 min"."""
    if high_s is None:
        return f"at least {coarse(low_s)}"
    low, high = coarse(low_s), coarse(high_s)
    if low == high or high_s < 1.25 * low_s:
        return f"about {high}"
    number, _, unit = low.partition(" ")
    return f"{number if high.endswith(f' {unit}') else low} to {high}"


def cut(text: str, width: int) -> str:
    """A text in one line of at most so many characters; its end is left out where it is longer."""
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: max(0, width - 3)].rstrip()}..."


def wrapped(text: str, width: int | None) -> list[str]:
    """A line as lines of at most so many characters, the later ones indented beneath it; long words stay whole."""
    indent = len(text) - len(text.lstrip())
    if width is None or len(text) <= width:
        return [text]
    return textwrap.wrap(
        text,
        width,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
