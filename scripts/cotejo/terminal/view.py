"""From Snakemake's events to what is printed: lines for good, and a few at the bottom that tell what happens now."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cotejo.labels import level_label
from cotejo.terminal.causes import cause_in, died
from cotejo.terminal.facts import Facts, Repeat
from cotejo.terminal.finished import repeat_result_of, verdict_words
from cotejo.terminal.progress import Progress
from cotejo.terminal.words import MEASURING, PREPARING, clock, cut, lasted, plural, step_words

Line = tuple[str, str]  # a style, and a text
Event = Mapping[str, Any]

# Snakemake's own words that tell nobody anything here; its log has them all.
_UNSAID = re.compile(
    r"Select jobs|Execute \d+ jobs|Building DAG|Using shell|Provided |Rules claiming|Assuming unrestricted|"
    r"Workflow defines that rule|Config file |Complete log|Elapsed time|Job failed, going on|Exiting because|"
    r"--keep-incomplete mode|Trying to restart|Job stats|host: |SLURM run ID|Job \d+ has been submitted|"
    r"Submitted array job|Shutting down|At least one job did not|None$|\s*$"
)
# What a measuring command says before it has measured.
_TOLD_MEANWHILE = ("waiting: ", "ended what ")
BRIEF = 76  # characters of what was told in full before
# The log of what is measured, among those of the rule that measures it.
_OWN_LOG = re.compile(r"(^|/)r\d+\.log$")
_FAILED_AT_LAST = re.compile(r"WorkflowError:\s+At least one job did not complete")
_FAILED_SHELL = re.compile(r"RuleException:\s+CalledProcessError")  # which is told by the job's own error


@dataclass
class Step:
    """A job that was begun, or on a cluster submitted."""

    words: str
    rule: str
    record: str  # the first of its files
    logs: list[str]
    began_s: float
    prints: bool  # by itself, on the terminal
    repeat: Repeat | None


@dataclass
class Failure:
    """A step that failed for good, unless it is tried again."""

    words: str
    lines: list[str]
    logs: list[str]


@dataclass
class View:
    """What was told, and what runs. `now_s` gives seconds on a clock of its own."""

    now_s: Callable[[], float]
    progress: Progress = field(default_factory=Progress)
    running: dict[int, Step] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    log: str = ""  # Snakemake's own
    began_s: float | None = None
    stopped: bool = False
    printed: bool = False  # whether a step printed what was asked for

    def started(self, total: int) -> list[Line]:
        """So many jobs are to be done."""
        self.progress.steps, self.began_s = total, self.now_s()
        return []

    def told(self, facts: Facts, text: str) -> list[Line]:
        """What the workflow knows of what is to be measured."""
        self.progress.facts = facts
        return [("", line) for line in text.splitlines()]

    def job_began(self, event: Event) -> list[Line]:
        """A job was begun."""
        outputs = event["output"]
        record = str(outputs[0]) if outputs else ""
        repeat = self.progress.facts.repeats.get(record)
        words = repeat.told() if repeat else step_words(event["rule_name"], event["wildcards"])
        self.running[event["jobid"]] = Step(
            words, event["rule_name"], record, [str(log) for log in event["log"]], self.now_s(),
            "| tee " in (event["shellcmd"] or ""), repeat,
        )  # fmt: skip
        self.printed = self.printed or self.running[event["jobid"]].prints
        if repeat and self.progress.began_s is None:
            self.progress.began_s = self.now_s()
        return []

    def job_finished(self, job: int) -> list[Line]:
        """A job has done what it should."""
        self.progress.done += 1
        self.failures.pop(job, None)
        step = self.running.pop(job, None)
        if step is None:
            return []
        count = f"[{self.progress.done}/{self.progress.steps}]"
        if step.rule in MEASURING:
            self.progress.end_repeat(step.record, self.now_s(), measured=True)
            result, failed = repeat_result_of(Path(step.record))
            return [("warning" if failed else "", f"{count} {self._named(step, brief=True)}: {result}")]
        if step.rule in PREPARING:
            return [("dim", f"{count} {step.words}: {lasted(self.now_s() - step.began_s)}")]
        return []

    def job_failed(self, event: Event) -> list[Line]:
        """A job ended with an error: the cause and the log, unless it is the same as at the attempt before."""
        job = event["jobid"]
        step = self.running.pop(job, None)
        words = step.words if step else step_words(event["rule_name"], {})
        if step and step.record in self.progress.facts.repeats:
            self.progress.end_repeat(step.record, self.now_s(), measured=False)
        logs = [str(log) for log in event["log"]]
        if step and step.rule in MEASURING:
            # Why is rather known to the command that measures than to what it measured.
            logs = [*(log for log in logs if not _OWN_LOG.search(log)), *filter(_OWN_LOG.search, logs)]
        lines, there = cause_in(logs)
        if not lines and (message := str(event["rule_msg"] or "").strip()):
            lines = message.splitlines()[:3]
        failure = Failure(words, lines or [died([event["rule_name"]])], there or logs)
        before, self.failures[job] = self.failures.get(job), failure
        if self.stopped:
            return []
        if before and before.lines == failure.lines:
            return [("failure", f"FAILED again, as before: {words}")]
        told = [("failure", f"FAILED: {words}"), *(("", f"  {line}") for line in failure.lines)]
        return told + [("", f"  log: {log}") for log in failure.logs[:1]]

    def message(self, text: str, level: str) -> list[Line]:
        """Anything else that Snakemake says: warnings and the like once, and nothing that tells nobody anything."""
        if text.startswith("Complete log(s): "):
            self.log = text.partition(": ")[2].strip()
        if text.startswith("Terminating processes on user request"):
            self.stopped = True
            return [("warning", "stopping what runs")]
        if _UNSAID.match(text) or _FAILED_AT_LAST.match(text) or _FAILED_SHELL.match(text):
            return []
        known = re.sub(r"\d+", "#", text)
        if level != "info" and known in self.said:
            return []
        self.said.add(known)
        style = {"warning": "warning", "error": "failure"}.get(level, "")
        return [(style, line) for line in text.rstrip().splitlines()]

    def bottom(self, width: int) -> list[str]:
        """What happens now, and how far all is: two lines, or none where nothing runs or what runs prints itself."""
        steps = sorted(self.running.values(), key=lambda step: (step.repeat is None, step.began_s))
        if not steps or any(step.prints for step in steps):
            return []
        first, now_s = steps[0], self.now_s()
        end = f" ({clock(now_s - first.began_s)})" + (f" and {len(steps) - 1} more" if len(steps) > 1 else "")
        words = f"measuring {first.repeat.study}: {first.words}{_level(first)}" if first.repeat else first.words
        return [cut(words, width - len(end)) + end, self.progress.line(now_s, width)]

    def heard(self) -> list[Line]:
        """What measuring commands have said since: that they wait for the machine, and the like, each once."""
        lines: list[Line] = []
        for step in self.running.values():
            log = Path(step.logs[0]) if step.rule in MEASURING and step.logs else None
            if log is None or not log.is_file():
                continue
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith(_TOLD_MEANWHILE) and f"{log}{line}" not in self.said:
                    self.said.add(f"{log}{line}")
                    brief = re.sub(r"(\(process \d+): .*", r"\1)", line)  # its command line is in the log
                    lines.append(("warning", f"{self._named(step, brief=True)}: {brief}"))
        return lines

    def summary(self) -> list[Line]:
        """How it ended; nothing where nothing was begun."""
        if self.began_s is None or not (self.progress.done or self.failures):
            return []
        if self.printed and self.progress.done == self.progress.steps:
            return []
        return [("", ""), *self._failed(), *self._done()]

    def _named(self, step: Step, brief: bool = False) -> str:
        """A step in words, with its study where there are several."""
        if step.repeat is None:
            return step.words
        study = f"{step.repeat.study}: " if len(self.progress.facts.studies) > 1 else ""
        return study + (step.repeat.brief() if brief else step.repeat.told())

    def _done(self) -> list[Line]:
        progress, took = self.progress, lasted(self.now_s() - (self.began_s or 0.0))
        counts = [f"{progress.done} of {plural(progress.steps, 'step')}"]
        if progress.facts.repeats:
            counts.append(f"{len(progress.measured)} of {plural(len(progress.facts.repeats), 'repeat')} measured")
        whole = progress.done == progress.steps
        lines = [("bold" if whole else "warning", f"{'done' if whole else 'not done'} in {took}: {', '.join(counts)}")]
        for study in progress.facts.studies:
            folder = Path("results", study)
            if whole and (folder / "report.html").is_file():
                worth = verdict_words(folder / "verdicts.csv")
                lines += [("", f"  {study}: {worth} (results by run and level)")] if worth else []
                lines.append(("", f"  report: {folder}/report.html"))
        if not whole:
            lines.append(("", "  The same command goes on from here: what is there stays"))
            lines += [("", f"  Snakemake's own log: {_short(self.log)}")] if self.log else []
        return lines

    def _failed(self) -> list[Line]:
        if not self.failures or self.stopped:
            return []
        lines = [("failure", f"{plural(len(self.failures), 'step')} failed:")]
        for failure in self.failures.values():
            lines += [("", f"  {failure.words}"), ("", f"    {cut(failure.lines[0], BRIEF)}")]
            lines += [("", f"    log: {log}") for log in failure.logs[:1]]
        return lines


def _level(step: Step) -> str:
    """The load level that a server is under, by the newest log of a client: one lies beside the server's for each."""
    log = next((Path(log) for log in step.logs if _OWN_LOG.search(log)), None)
    if step.rule != "measure_server" or log is None:
        return ""
    names = [path for path in log.parent.glob(f"{log.stem}.*-*{log.suffix}") if path.stat().st_mtime]
    newest = max(names, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        return ""
    level = level_label(newest.stem.removeprefix(f"{log.stem}."))
    return f", {level}".replace("\u00a0", " ")


def _short(path: str) -> str:
    """A path from the working folder on, where it lies in it."""
    file = Path(path)
    return file.relative_to(Path.cwd()).as_posix() if file.is_relative_to(Path.cwd()) else path
