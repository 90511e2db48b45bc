"""Snakemake's logger plugin `cotejo`: shows a study's progress in place of Snakemake's own output.

Where more of Snakemake is asked for (`--verbose`, `--printshellcmds`, `--debug-dag`), or less (`--quiet`), and in dry
runs, it steps aside. Snakemake finds plugins by what is installed; this one is the checkout's, so that profiles/default
registers it.
"""

import logging
import os
import sys
import threading
import time
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent, logger_plugin_module_prefix
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from cotejo.terminal import facts
from cotejo.terminal.screen import Screen
from cotejo.terminal.view import Line, View

NAME = "cotejo"
TICK_S = 1.0


def register() -> str:
    """Make the plugin known to Snakemake, and give its name."""
    registry: Any = LoggerPluginRegistry()
    registry.register_plugin(f"{logger_plugin_module_prefix}{NAME}", sys.modules[__name__])
    return NAME


class LogHandler(LogHandlerBase):
    """Handles Snakemake's log records, in the one thread that Snakemake hands them on in."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        own = (settings.dryrun, settings.verbose, settings.printshellcmds, settings.debug_dag, settings.quiet)
        self._shows = not any(own)
        self._view = View(time.monotonic)
        self._screen = Screen(sys.stderr, os.environ, settings.nocolor)
        self._drawing = threading.Lock()
        self._ended = threading.Event()
        if self._shows:
            threading.Thread(target=self._tick, name="terminal", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Print what a record amounts to."""
        if not self._shows:
            return
        with self._drawing:
            try:
                self._screen.write(self._lines(record))
                self._redraw()
            except BrokenPipeError:
                self._shows = False
            except Exception:
                self.handleError(record)

    def close(self) -> None:
        """Take the bottom away and say how it ended. Snakemake calls this more than once."""
        if self._shows and not self._ended.is_set():
            self._ended.set()
            with self._drawing:
                self._screen.show([])
                self._screen.write(self._view.summary())
        super().close()

    def _lines(self, record: logging.LogRecord) -> list[Line]:
        view, told = self._view, record.__dict__
        match told.get("event"):
            case LogEvent.RUN_INFO:
                return view.started(told["stats"]["total"])
            case LogEvent.JOB_INFO:
                return view.job_began(told)
            case LogEvent.JOB_FINISHED:
                return view.job_finished(told["job_id"])
            case LogEvent.JOB_ERROR:
                return view.job_failed(told)
            case None | LogEvent.ERROR:
                known = told.get(facts.ATTRIBUTE)
                if known is not None:
                    return view.told(known, record.getMessage())
                return view.message(record.getMessage(), _level(record))
            case _:
                return []

    def _redraw(self) -> None:
        self._screen.show(self._view.bottom(self._screen.room()))

    def _tick(self) -> None:
        while not self._ended.wait(TICK_S):
            with self._drawing:
                if not self._ended.is_set():
                    self._screen.write(self._view.heard())
                    self._redraw()

    @property
    def writes_to_stream(self) -> bool:
        """Whether Snakemake shall print nothing itself."""
        return self._shows

    @property
    def writes_to_file(self) -> bool:
        """No: Snakemake's own log has everything."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether what Snakemake filters comes here all the same."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Yes: records become lines here."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """No."""
        return False


def _level(record: logging.LogRecord) -> str:
    if record.levelno >= logging.ERROR:
        return "error"
    return "warning" if record.levelno >= logging.WARNING else "info"
