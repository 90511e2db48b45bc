"""Reads what a program printed, line by line, so that whatever is amiss is an error with the line where it is."""

import re
from collections.abc import Iterator
from typing import NoReturn

from cotejo.errors import CotejoError


class Lines:
    """A text's lines, from the first to the last; `program` is who should have written them."""

    def __init__(self, text: str, program: str) -> None:
        self.program = program
        self._lines = [line.rstrip() for line in text.splitlines()]
        self._next = 0

    def skip_to(self, pattern: str) -> re.Match[str]:
        """The next line that is such in full, leaving out those before it."""
        for number in range(self._next, len(self._lines)):
            match = re.fullmatch(pattern, self._lines[number])
            if match is not None:
                self._next = number + 1
                return match
        self.wrong(f"no line such as '{shown(pattern)}' follows")

    def expect(self, pattern: str) -> re.Match[str]:
        """The next line that isn't blank, which is such in full."""
        self.at_end()
        match = self.take(pattern)
        if match is None:
            self.wrong(f"this isn't '{shown(pattern)}'")
        return match

    def take(self, pattern: str) -> re.Match[str] | None:
        """The very next line if it is such in full; otherwise None, and it stays the next one."""
        line = self._lines[self._next] if self._next < len(self._lines) else None
        match = None if line is None else re.fullmatch(pattern, line)
        self._next += match is not None
        return match

    def skip(self) -> None:
        """Leave the very next line out."""
        self._next += 1

    def each(self, pattern: str) -> Iterator[re.Match[str]]:
        """Further lines for as long as they are such in full; blank ones before the first are left out."""
        self.at_end()
        while (match := self.take(pattern)) is not None:
            yield match

    def at_end(self) -> bool:
        """Whether only blank lines are left; they are left out."""
        while self._next < len(self._lines) and not self._lines[self._next]:
            self._next += 1
        return self._next == len(self._lines)

    def wrong(self, problem: str) -> NoReturn:
        """Say what is wrong with the next line."""
        line = self._lines[self._next] if self._next < len(self._lines) else "(end)"
        raise CotejoError(
            f"{self.program}'s output: line {self._next + 1}: {line}: {problem}. It is truncated, or another program's"
        )


def line_at(text: str, number: int) -> str:
    """The end of a text's line of that number, from 1; "(end)" beyond the last."""
    lines = text.splitlines()
    return lines[number - 1][-120:] if number <= len(lines) else "(end)"


def shown(pattern: str) -> str:
    """A pattern for a reader: its first words."""
    return re.sub(r"\\s[*+]|\\", " ", pattern.partition("(")[0]).strip() or pattern
