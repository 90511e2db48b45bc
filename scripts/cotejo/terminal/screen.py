"""Where lines are written: to a terminal, with what happens now at its bottom, or plainly into a file or a pipe."""

import os
from collections.abc import Iterable, Mapping
from typing import TextIO

from cotejo.terminal.words import cut, wrapped

_COLOURS = {"failure": "31", "warning": "33", "dim": "2", "bold": "1"}
_CLEAR_BELOW = "\x1b[J"
FALLBACK_WIDTH = 80


def lives(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a stream can show what changes: a terminal that can move its cursor."""
    return stream.isatty() and environment.get("TERM", "") not in ("", "dumb")


class Screen:
    """A stream that lines are written to, above a few lines that are written anew as often as they change."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str], colourless: bool = False) -> None:
        self.stream = stream
        self.live = lives(stream, environment)
        # https://no-color.org: any value that is not empty.
        self.coloured = self.live and not colourless and not environment.get("NO_COLOR")
        self._bottom: list[str] = []

    def width(self) -> int | None:
        """The terminal's width in characters, as it is now; None where there is no terminal to fit."""
        if not self.stream.isatty():
            return None
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or FALLBACK_WIDTH
        except OSError:
            return FALLBACK_WIDTH

    def room(self) -> int:
        """How many characters a line of the bottom may have: after the last, terminals put a ^C that is typed."""
        return (self.width() or FALLBACK_WIDTH) - len(" ^C")

    def write(self, lines: Iterable[tuple[str, str]]) -> None:
        """Write lines, each a style and a text, for good; the bottom comes back below them."""
        width = self.width()
        texts = [self._styled(style, part) for style, text in lines for part in wrapped(text, width)]
        if texts:
            bottom = self._bottom
            self._put(self._cleared() + "".join(f"{text}\n" for text in texts) + self._drawn(bottom))

    def show(self, bottom: list[str]) -> None:
        """Have these lines at the bottom, each cut to the terminal's width; nothing is written where they are there."""
        if not self.live:
            return
        bottom = [cut(line, self.room()) for line in bottom]
        if bottom != self._bottom:
            self._put(self._cleared() + self._drawn(bottom))

    def _cleared(self) -> str:
        """What takes the bottom away; the cursor stands at its end."""
        there, self._bottom = len(self._bottom), []
        up = f"\x1b[{there - 1}A" if there > 1 else ""
        return f"\r{up}{_CLEAR_BELOW}" if there else ""

    def _drawn(self, bottom: list[str]) -> str:
        self._bottom = bottom
        return "\n".join(bottom)

    def _styled(self, style: str, text: str) -> str:
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if style and self.coloured else text

    def _put(self, text: str) -> None:
        encoding = self.stream.encoding or "utf-8"
        self.stream.write(text.encode(encoding, errors="replace").decode(encoding))
        self.stream.flush()
