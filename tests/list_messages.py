"""Write tests/messages.md: every message that a user can cause, read from the source, for a person to review."""

import fnmatch
from collections.abc import Sequence

from cotejo.command import ROOT, run
from cotejo.files import replacing
from tests.message_collection import Message, messages

PAGE = ROOT / "tests" / "messages.md"
COMMAND = "PYTHONPATH=.:scripts python tests/list_messages.py"

# When a message comes, by the file that says it; the first pattern that fits counts.
STAGES = {
    "In `make` and the commands of its targets": (
        "scripts/require_python.py", "scripts/draw_dag.py",
        "scripts/create_environment.py", "scripts/install_system_packages.py", "scripts/build_llama_server.py",
        "scripts/check_gpu.py", "scripts/document_config.py", "scripts/retry_failed.py", "scripts/cotejo/uv.py",
        "scripts/cotejo/torch_build.py", "scripts/cotejo/system_packages.py", "scripts/cotejo/llama_server.py",
        "scripts/cotejo/cpu_adam.py", "scripts/cotejo/repairs/*", "scripts/cotejo/gpu_check/*",
        "scripts/cotejo/bandwidth.py", "scripts/bound_bandwidth.py",
    ),
    "Before any job": (
        "Snakefile", "rules/*", "scripts/plan_runs.py", "scripts/cotejo/study.py", "scripts/cotejo/resolve.py",
        "scripts/cotejo/settings.py", "scripts/cotejo/serving_settings.py", "scripts/cotejo/schema.py",
        "scripts/cotejo/systems.py", "scripts/cotejo/overlay.py", "scripts/cotejo/preflight.py",
        "scripts/cotejo/claimed.py", "scripts/cotejo/images.py", "scripts/cotejo/imports.py",
        "scripts/cotejo/load.py", "scripts/cotejo/run_id.py", "scripts/cotejo/command.py",
        "scripts/cotejo/affinity.py", "scripts/cotejo/stacks.py", "scripts/cotejo/places.py", "scripts/cotejo/slurm.py",
        "scripts/cotejo/output_cache.py", "scripts/cotejo/estimate*", "scripts/cotejo/sheet.py",
        "scripts/cotejo/published/rows.py", "scripts/cotejo/figures/entries.py", "scripts/cotejo/comparison/folders.py",
        "scripts/cotejo/code.py", "scripts/cotejo/files.py", "scripts/cotejo/models/__init__.py", "config/schemas/*",
    ),
    "While models, exports, data sets and servers are prepared": (
        "scripts/fetch_model.py", "scripts/copy_model.py", "scripts/synthesize_model.py",
        "scripts/export_*.py", "scripts/check_export.py", "scripts/prepare_*.py",
        "scripts/pull_image.py", "scripts/cotejo/hub.py", "scripts/cotejo/pull.py",
        "scripts/cotejo/disk.py", "scripts/cotejo/cache.py", "scripts/cotejo/verified.py", "scripts/cotejo/parity.py",
        "scripts/cotejo/models/*", "scripts/cotejo/exports/*", "scripts/cotejo/datasets/*",
        "scripts/cotejo/isolated.py", "scripts/cotejo/artefact.py", "scripts/cotejo/servers/triton_*",
    ),
    "While something is measured": (
        "scripts/measure_*.py", "scripts/launch_server.py", "scripts/serve.py", "scripts/cotejo/accelerators/*",
        "scripts/cotejo/apis/*", "scripts/cotejo/backends/*", "scripts/cotejo/clients/*", "scripts/cotejo/servers/*",
        "scripts/cotejo/tasks/*", "scripts/cotejo/telemetry/*", "scripts/cotejo/telling.py",
        *(f"scripts/cotejo/{name}.py" for name in (
            "allocation", "child", "cluster", "container", "engine", "errors", "follower", "golden", "golden_model",
            "interfaces", "launch", "leavings", "lock", "measure", "measure_server", "nodes", "ownership", "ports",
            "processes", "rank", "ranks", "repeat", "samples", "serving", "session", "slurm_job", "staging", "sweep",
            "torchrun", "worker",
        )),
    ),
    "While what was measured is judged, compared and drawn": (
        "scripts/analyse_published.py", "scripts/compare_*.py", "scripts/diff_records.py", "scripts/index_reports.py",
        "scripts/make_report.py", "scripts/plot_*.py", "scripts/price_results.py", "scripts/summarise.py",
        "scripts/write_tensorboard.py", "scripts/cotejo/comparison/*", "scripts/cotejo/figures/*",
        "scripts/cotejo/published/*", "scripts/cotejo/report/*", "scripts/cotejo/verdict/*",
        *(f"scripts/cotejo/{name}.py" for name in (
            "arguments", "cost", "cost_pairs", "cost_rows", "cost_table", "difference", "distribution", "equivalence",
            "event_files", "record", "record_diff", "standing", "stats", "steadiness", "stopping", "summary",
            "summary_lines", "verdict_table",
        )),
    ),
    "In several of these": ("*",),
}  # fmt: skip

# How a message reaches its reader.
KINDS = {
    "error": "ends the command with one line, `error: …`",
    "record": "is written into a record, an export or a launch, which then count as failed, and stands in every table",
    "notice": "is printed, or written to the log, and the work goes on",
    "verdict": "is a reason for a verdict, in `verdicts.csv`, `summary.csv` and the report",
    "schema": "says what a key may be, after its file, key and value, and before “Change it”",
    "inner": "stands within another message, which says where",
}


def stage_of(module: str) -> str:
    """When a file's messages come."""
    return next(stage for stage, patterns in STAGES.items() if any(fnmatch.fnmatch(module, each) for each in patterns))


INTRODUCTION = """\
# Every message that a user can cause

<!-- Made by `make docs` from the source; tests/list_messages.py writes it. -->

{count} wordings. What is filled in stands in braces; where it is the name of a function in the last section, one of
that function's texts is filled in. *Where* is what a message begins with. *Remedy* says whether it tells what to do.

| kind | it |
|---|---|
{kinds}
"""
TABLE = "| message | where | remedy | kind | file |\n|---|---|---|---|---|\n"


def page(found: Sequence[Message]) -> str:
    """The whole page, as Markdown."""
    kinds = "\n".join(f"| {name} | {meaning} |" for name, meaning in KINDS.items())
    parts = [INTRODUCTION.format(count=len(found), kinds=kinds)]
    apart = [each for each in found if each.says]
    for stage in STAGES:
        rows = [_row(each) for each in found if not each.says and stage_of(each.module) == stage]
        parts.append(f"## {stage}\n\n{TABLE}{''.join(rows)}")
    rows = [f"| `{each.says}` | {_cell(each.text)} | {each.module} |\n" for each in sorted(apart, key=lambda m: m.says)]
    parts.append(f"## Parts that messages share\n\n| filled in as | text | file |\n|---|---|---|\n{''.join(rows)}")
    return "\n".join(parts)


def _row(each: Message) -> str:
    kind = f"{each.kind}: {each.reason}" if each.reason else each.kind
    cells = (_cell(each.text), _cell(each.place), "yes" if each.remedy else "", kind, each.module)
    return f"| {' | '.join(cells)} |\n"


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|").replace("\n", "⏎")


def main() -> None:
    with replacing(PAGE) as temporary:
        temporary.write_text(page(messages()), encoding="utf-8")


if __name__ == "__main__":
    run(main)
