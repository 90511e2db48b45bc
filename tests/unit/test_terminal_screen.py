"""What reaches a terminal, and what a file: cursor movements, colours and widths."""

import io

import pytest

from cotejo.terminal.screen import Screen


class Terminal(io.StringIO):
    """A stream that says it is a terminal, of no known size."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def shown(terminal, environment, colourless=False):
    screen = Screen(terminal, environment, colourless)
    screen.show(["measuring", "[=-]"])
    screen.write([("failure", "FAILED: it")])
    screen.show([])
    return terminal.getvalue()


def test_lines_are_written_above_the_bottom_which_comes_back_and_goes_in_the_end():
    said = shown(Terminal(), {"TERM": "xterm"})
    assert said == "measuring\n[=-]\r\x1b[1A\x1b[J\x1b[31mFAILED: it\x1b[0m\nmeasuring\n[=-]\r\x1b[1A\x1b[J"


@pytest.mark.parametrize(("environment", "colourless"), [({"NO_COLOR": "1"}, False), ({}, True)])
def test_without_colours_the_bottom_still_lives(environment, colourless):
    said = shown(Terminal(), {"TERM": "xterm", **environment}, colourless)
    assert "\x1b[31m" not in said and "\x1b[J" in said


def test_an_empty_no_color_counts_for_nothing():
    assert "\x1b[31m" in shown(Terminal(), {"TERM": "xterm", "NO_COLOR": ""})


@pytest.mark.parametrize(
    ("stream", "environment"), [(Terminal(), {"TERM": "dumb"}), (Terminal(), {}), (io.StringIO(), {"TERM": "xterm"})]
)
def test_a_dumb_terminal_and_a_file_get_plain_lines(stream, environment):
    assert shown(stream, environment) == "FAILED: it\n"


def test_nothing_is_written_where_the_bottom_stays_as_it_is():
    terminal = Terminal()
    screen = Screen(terminal, {"TERM": "xterm"})
    screen.show(["a", "b"])
    before = terminal.getvalue()
    screen.show(["a", "b"])
    assert terminal.getvalue() == before


def test_on_a_terminal_lines_fit_and_in_a_file_they_stay_whole():
    long = "error: " + "word " * 40 + "end"
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        Screen(stream, {"TERM": "xterm"}).write([("", f"  {long}")])
    lines = terminal.getvalue().splitlines()
    assert len(lines) == 3 and max(map(len, lines)) <= 80
    assert [line[:4] for line in lines] == ["  er", "    ", "    "]
    assert file.getvalue() == f"  {long}\n"


def test_the_bottom_never_breaks_a_line_whatever_it_says():
    terminal = Terminal()
    Screen(terminal, {"TERM": "xterm"}).show(["x" * 200, "y"])
    assert max(map(len, terminal.getvalue().splitlines())) == 77
    assert terminal.getvalue().splitlines()[0].endswith("...")
