"""Every column of every table that Cotejo writes: its unit and what it means.

A column that several tables have with one meaning is described once, in SHARED; each table's own stand in OWN.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cotejo import apis, clients, distribution, samples, standing, summary, tasks, verdict_table
from cotejo.comparison import table as comparison
from cotejo.cost_rows import COLUMNS as OF_COST
from cotejo.reference.telemetry_columns import TELEMETRY
from cotejo.schema import schema_of


class Column(NamedTuple):
    """What a cell holds; `unit` is empty for text, and for numbers that have none."""

    meaning: str
    unit: str = ""


class Table(NamedTuple):
    """A file, what one of its rows is, and its columns by name in their order."""

    file: str
    row: str
    columns: Mapping[str, Column]


SHARED = {
    "study": Column("The study."),
    "run": Column("The run's readable name, made of its settings."),
    "digest": Column("The digest of the run's settings: two runs of one name that were set otherwise differ in it."),
    "server": Column("What serves the backend; blank where the model is measured in process."),
    "instead_of": Column("What the study asks for where this run is measured with something else: `device=cuda`."),
    "needs": Column("What the machine lacks for it, such as `2 GPUs`; the line is then not measured."),
    "measured_as": Column("The run that it equals under the overlay, and whose record counts for both."),
    "origin": Column("The name of the import that the records come from; blank for those measured here."),
    "system": Column("The machine: a file of `config/systems/`."),
    "environment": Column("The digest of machine, driver, packages, model and code. Unlike rows never merge."),
    "cpus": Column("The CPUs that the measured process was pinned to.", "CPUs"),
    "level": Column("The load level, such as `concurrency-4`, `rate-2.5` or `single-stream`."),
    "load": Column("How requests arrived: `closed`, `open`, `offline`, `single-stream`; blank in process."),
    "concurrency": Column("Of a closed load: the requests under way at any time.", "requests"),
    "rate_rps": Column("Of an open load: the rate asked for.", "requests/s"),
    "inputs": Column("`identical` where one request was sent over and over, else `unique`; blank in process."),
    "source": Column("Where the value comes from: `samples`, the `client`'s own report, the `server`'s counters, or "
                     "`telemetry`."),
    "metric": Column("What was measured; [metrics.md](metrics.md) has them all."),
    "unit": Column("The unit of the values."),
    "better": Column("Which values are good: `higher` or `lower`."),
    "median": Column("The median over the repeats; blank where a repeat has no value.", "`unit`"),
    "low": Column("The lower end of the median's 95 % interval; blank below six repeats.", "`unit`"),
    "high": Column("Its upper end.", "`unit`"),
    "values": Column("Each repeat's value, in their order, separated by blanks.", "`unit`"),
    "repeats": Column("The repeats that measured the level.", "repeats"),
    "attempts": Column("The repeats that were begun, failed ones included.", "repeats"),
    "failures": Column("Those of them that failed.", "repeats"),
    "requests": Column("The requests of all repeats, failed ones included; frames or steps of some tasks.", "requests"),
    "failed_requests": Column("Those of them without a good answer.", "requests"),
    "measured_s": Column("The measured time, summed over the repeats.", "s"),
    "ended": Column("What ended the level, and in how many repeats: `duration 6`, `interval`, `passes`, `epochs`."),
    "order": Column("The place of each attempt in the order in which its machine measured the whole study."),
    "verdict": Column("What the values are worth; [verdicts.md](verdicts.md) has the words."),
    "reasons": Column("Why, separated by semicolons, the worst first; [verdicts.md](verdicts.md) explains each."),
    "marks": Column("What must be said of the values wherever they show: `synthetic`, `small`, `stand-in`, …"),
    "accelerators": Column("How many GPUs the model is on; blank on a CPU."),
    "nodes": Column("On how many machines of one Slurm job it is."),
    "split": Column("How it is divided over several GPUs, processes, or memory and disk."),
    "processes": Column("How many processes train it on each machine."),
    "provider": Column("What computes below ONNX Runtime on a GPU; blank elsewhere."),
    "cores": Column("The CPUs asked for: `all`, a number, positions such as `0-3`, or a NUMA node."),
    "statistic": Column("What the document says the value is: a mean, a median, one `iteration`, …"),
    "ratio_low": Column("The lower end of the ratio's 95 % interval; blank where there are too few repeats."),
    "ratio_high": Column("Its upper end."),
}  # fmt: skip

OWN: Mapping[str, Mapping[str, Column]] = {
    "runs.csv": {
        "rank": Column("The run's place in a round of repeats on its system, drawn from the seed; blank where the line "
                       "is not measured."),
    },
    "summary.csv": {},
    "verdicts.csv": {"blank": Column("The metrics without a value, each with the reason.")},
    "distributions.csv": {
        "repeat": Column("Which repeat, from 1."),
        "requests": Column("The requests that succeeded.", "requests"),
        "shares": Column("Shares of them, rising, as far as so many requests tell, separated by blanks.", "0 to 1"),
        "latencies_ms": Column("For each share the latency that it was answered within.", "ms"),
    },
    "comparison.csv": {
        "published_system": Column("The machine that the document measured on."),
        "published_metric": Column("What the document calls the number."),
        "value": Column("What the document prints, as it prints it; blank where it prints no number.",
                        "`published_unit`"),
        "published_unit": Column("Its unit there."),
        "note": Column("What must be known of it."),
        "metric": Column("Our metric for the same; blank where none tells it."),
        "published": Column("The document's value in our unit.", "`unit`"),
        "client": Column("What the document measured it with."),
        "accelerators": Column("How many GPUs; `0` is the CPU."),
        "concurrency": Column("The requests under way at any time, as far as the document says.", "requests"),
        "ratio": Column("Our median over the published value."),
        "standing": Column("How ours stands to it; [verdicts.md](verdicts.md#standings) has the words."),
        "reasons": Column("Why it can't be compared, or was not measured."),
        "remarks": Column("What a reader must know of the published value, comparable or not."),
    },
    "compare/comparison.csv": {
        "baseline": Column("The results folder that is compared with."),
        "candidate": Column("The results folder that is compared."),
        "headline": Column("`yes` in the row that decides: the level's first metric."),
        "differs": Column("In what the two environments differ, such as package versions."),
        "ratio": Column("Candidate over baseline, the median of all pairs of their repeats."),
        "p": Column("The p-value of Mann and Whitney's two-sided test on the repeats."),
        "standing": Column("`faster`, `slower`, `indistinguishable`; of memory and energy `more`, `less`; "
                           "`newly failed`, `no longer failed`."),
        "note": Column("Why nothing is compared, such as unlike settings."),
        "marks": Column("The marks of both sides."),
    },
    "cost.csv": {
        "basis": Column("Whose rate it is: `measured`, `published`, or blank for a machine's price alone."),
        "machine": Column("The machine's name for people."),
        "site": Column("Where it stands: `edge`, `cloud`, `cluster`, `local`."),
        "name": Column("The block of the study; of published rows, their own name."),
        "per": Column("What `usd` is the price of, such as a million tokens."),
        "usd": Column("The cost; blank where there is none, then `reason` says why.", "USD"),
        "usd_low": Column("The cost at the better end of the rate's interval.", "USD"),
        "usd_high": Column("At its worse end.", "USD"),
        "machines": Column("How many machines the run needs.", "machines"),
        "usd_per_hour": Column("The rent of one.", "USD/h"),
        "purchase_usd": Column("What one was bought for.", "USD"),
        "power_w": Column("What one draws.", "W"),
        "lifetime_years": Column("How long it is used.", "years"),
        "utilisation": Column("The share of that time that it works.", "0 to 1"),
        "electricity_usd_per_kwh": Column("The price of electricity.", "USD/kWh"),
        "pue": Column("The machine room's power over the machine's: cooling."),
        "power": Column("Whose power `power_w` is where it was measured; blank where the system's file gives it."),
        "assumed": Column("The numbers of the system's file that are assumptions, each with its reason, as JSON."),
        "reason": Column("Why there is no cost, and what to do."),
    },
    "samples.csv": {
        "level": Column("The load level."),
        "index": Column("The request's number in its level, from 0."),
        "item": Column("The item of the data set."),
        "scheduled_s": Column("When it was due, since the level's start. Latency counts from here.", "s"),
        "sent_s": Column("When it was sent. Service time counts from here.", "s"),
        "first_token_s": Column("When its first token was known; blank where none is told.", "s"),
        "done_s": Column("When its answer was whole.", "s"),
        "tokens_in": Column("The prompt's tokens.", "tokens"),
        "tokens_out": Column("The answer's tokens.", "tokens"),
        "ok": Column("1 for a good answer, 0 for none."),
        "error": Column("What went wrong."),
        "status": Column("HTTP's status; blank where none came."),
        "characters_out": Column("The answer's characters.", "characters"),
        "tokens_by": Column("Who counted `tokens_out`: the server (`usage`), or the client, by the answer's `pieces`."),
        "gaps_ms": Column("The times between one piece of the answer and the next, separated by blanks.", "ms"),
        "preparation_ms": Column("Reading and preparing the image and the question.", "ms"),
        "audio_s": Column("How long the recording is.", "s"),
        "decode_steps": Column("How often the decoder ran.", "steps"),
        "decode_ms": Column("Decoding the frame.", "ms"),
        "preprocess_ms": Column("Scaling it into the network's input.", "ms"),
        "inference_ms": Column("The network.", "ms"),
        "postprocess_ms": Column("Finding objects in what came out, and drawing them.", "ms"),
        "encode_ms": Column("Encoding the frame.", "ms"),
        "detections": Column("The objects found in it.", "objects"),
        "pairs": Column("The pairs of texts in the step, all processes together.", "pairs"),
        "loss": Column("The step's loss, the cross-entropy of a target token.", "nats"),
    },
    "telemetry.csv": {name: Column(*said) for name, said in TELEMETRY.items()},
}  # fmt: skip

SHEET = (
    "one line of the study's sheet: a run on a system. Each setting of the run is a column too, of its own name and "
    "blank where it has none: [config/README.md](../../config/README.md#the-settings-of-a-run)"
)
# What the study makes of a line; no record has it.
OF_SHEETS = ("rank", "instead_of", "needs", "measured_as")
_SIDE = re.compile(r"(baseline|candidate)_(.+)")


def tables() -> list[Table]:
    """All tables with their columns in the order of the files; KeyError for a column that nothing describes."""
    return [
        _table("runs.csv", SHEET, runs_columns()),
        _table("summary.csv", "one metric of one load level of a run; or a run without a value", summary.COLUMNS),
        _table("verdicts.csv", "one load level of a run", verdict_table.COLUMNS),
        _table("distributions.csv", "one load level of one repeat", distribution.COLUMNS),
        _table("comparison.csv", "one published value, beside each machine that measured the same", standing.COLUMNS),
        _table("compare/comparison.csv", "one metric of one load level of a run, in two results folders",
               comparison.COLUMNS),
        _table("cost.csv", "one rate, measured or published, and what it costs", OF_COST),
        _table("samples.csv", "one request, frame or step of a repeat", samples_columns()),
        _table("telemetry.csv", "one reading, five a second; what is read less often is blank between", TELEMETRY),
    ]  # fmt: skip


def runs_columns() -> list[str]:
    """What a line of a sheet has beside the settings of its run, each of which is a column too."""
    return [*OF_SHEETS, *(key for key in _of_records() if key not in schema_of("run")["properties"])]


def samples_columns() -> list[str]:
    """Those that some task, API or client writes."""
    own = [
        *(tasks.task(name).COLUMNS for name in tasks.TASKS),
        *(apis.api(name).COLUMNS for name in apis.APIS),
        *(clients.client(name).COLUMNS for name in clients.CLIENTS),
    ]
    return [*dict.fromkeys([*samples.COLUMNS, *(column for columns in own for column in columns)])]


def _table(file: str, row: str, columns: Iterable[str]) -> Table:
    return Table(file, row, {name: _column(file, name) for name in columns})


def _column(file: str, name: str) -> Column:
    """What describes a column: the table itself, all tables, or the records' schema."""
    if name in OWN[file]:
        return OWN[file][name]
    side = _SIDE.fullmatch(name) if file == "compare/comparison.csv" else None
    if side:
        meaning, unit = _column(file, side[2])
        return Column(f"Of the {side[1]}: {meaning[:1].lower()}{meaning[1:]}", unit)
    if name in SHARED:
        return SHARED[name]
    return Column(_of_records()[name]["description"])


def _of_records() -> dict[str, Any]:
    return dict(schema_of("record")["properties"]["run"]["properties"])
