"""Questions about tables that don't exist, and the SQL that answers them: in the shapes that wikiSQL's have, made up.

One column of one table, an aggregate in three of ten, and one to three conditions. What a question says decides its
SQL, so a model can learn it; nothing else is claimed of it.
"""

import random
from collections.abc import Callable, Iterator

NAMES = (
    "Alvarez", "Benitez", "Castro", "Dumont", "Eriksen", "Fischer", "Galli", "Hansen", "Ivanova", "Jansen", "Kowalski",
    "Lindqvist", "Moretti", "Nakamura", "Okafor", "Petrov", "Quiroga", "Rossi", "Silva", "Tanaka",
)  # fmt: skip
PLACES = (
    "Argentina", "Belgium", "Chile", "Denmark", "Egypt", "Finland", "Ghana", "Hungary", "Iceland", "Japan", "Kenya",
    "Latvia", "Mexico", "Norway", "Peru", "Portugal", "Spain", "Tunisia", "Uruguay", "Vietnam",
)  # fmt: skip
TEAMS = (
    "Atletico Rosario", "Bergen Wolves", "Cordoba United", "Delta Rangers", "Eastern Stars", "Granite City",
    "Harbour Athletic", "Lakeside Rovers", "North Valley", "Port Albert", "Racing Mendoza", "Union Central",
)  # fmt: skip
TITLES = (
    "The Long Winter", "Paper Boats", "A Night in Salta", "Copper Road", "The Last Ferry", "Seven Lanterns",
    "Under the Jacaranda", "Glass Mountain", "The Cartographer", "Blue Harvest Moon",
)  # fmt: skip


def _between(low: int, high: int) -> Callable[[random.Random], str]:
    return lambda drawn: str(drawn.randint(low, high))


def _one_of(values: tuple[str, ...]) -> Callable[[random.Random], str]:
    return lambda drawn: drawn.choice(values)


# {column of a table: what draws a cell of it}; those of numbers can be compared and aggregated.
TEXTS = {
    "Player": _one_of(NAMES), "Coach": _one_of(NAMES), "Director": _one_of(NAMES), "Candidate": _one_of(NAMES),
    "Nationality": _one_of(PLACES), "Country": _one_of(PLACES), "Venue": _one_of(PLACES),
    "Team": _one_of(TEAMS), "School/Club Team": _one_of(TEAMS), "Opponent": _one_of(TEAMS),
    "Title": _one_of(TITLES),
    "Original air date": lambda drawn: f"{drawn.randint(1, 28)} May {drawn.randint(1980, 2009)}",
    "Result": lambda drawn: f"{drawn.randint(0, 5)}-{drawn.randint(0, 5)}",
    "Years in Toronto": lambda drawn: f"{drawn.randint(1990, 1999)}-{drawn.randint(2000, 2009)}",
}  # fmt: skip
NUMBERS = {
    "No.": _between(1, 99), "Year": _between(1950, 2015), "Points": _between(0, 120), "Goals": _between(0, 60),
    "Round": _between(1, 12), "Week": _between(1, 52), "Votes": _between(100, 99999),
    "Attendance": _between(500, 80000), "Population (2011)": _between(1000, 2000000),
    "Viewers (thousands)": _between(50, 9000),
}  # fmt: skip

AGGREGATES = {
    "MAX": "What is the highest {} when {}?",
    "MIN": "What is the lowest {} when {}?",
    "SUM": "What is the total {} when {}?",
    "AVG": "What is the average {} when {}?",
}
PLAIN = ("What is the {} when {}?", "Name the {} for which {}", "Which {} has it that {}?", "Tell me the {} if {}")
COUNTED = "How many {} are there when {}?"
COMPARED = {"=": "the {} is {}", ">": "the {} is more than {}", "<": "the {} is less than {}"}


def made_up(pairs: int, seed: int) -> Iterator[tuple[str, str]]:
    """So many questions, each with its SQL, drawn from the seed."""
    drawn = random.Random(seed)
    for _ in range(pairs):
        yield _pair(drawn)


def _pair(drawn: random.Random) -> tuple[str, str]:
    wanted, *columns = drawn.sample([*TEXTS, *NUMBERS], drawn.choices((2, 3, 4), weights=(5, 4, 1))[0])
    aggregate, asked = "", drawn.choice(PLAIN)
    if drawn.random() < 0.3:
        aggregate = drawn.choice(("COUNT", *AGGREGATES)) if wanted in NUMBERS else "COUNT"
        asked = AGGREGATES.get(aggregate, COUNTED)
    conditions = [_condition(column, drawn) for column in columns]
    question = asked.format(wanted, " and ".join(said for said, _ in conditions))
    selected = f"{aggregate} {wanted}".strip()
    return question, f"SELECT {selected} FROM table WHERE {' AND '.join(sql for _, sql in conditions)}"


def _condition(column: str, drawn: random.Random) -> tuple[str, str]:
    """A condition as a question says it, and as SQL does."""
    operator = drawn.choices(("=", ">", "<"), weights=(6, 2, 2))[0] if column in NUMBERS else "="
    value = (NUMBERS.get(column) or TEXTS[column])(drawn)
    return COMPARED[operator].format(column, value), f"{column} {operator} {value}"
