"""What figures and results are called in reports. That Snakemake's own shows it: tests/workflow."""

from pathlib import Path

import pytest
from docutils.core import publish_parts

from cotejo.report.captions import UNMARKED, captions, plain, worth_of_figure, worth_of_study

DRAWING = """<svg xmlns="http://www.w3.org/2000/svg"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:description>{words}</dc:description></metadata></svg>"""


@pytest.mark.parametrize(
    "text",
    ["*a* **b**", "`a`_ and ``b``", "a_ b__", "|a|", "a :: b:", ".. image:: x", "[1]_", "back\\slash", "- a\n- b"],
)
def test_plain_text_stays_what_it_is(text: str) -> None:
    body = publish_parts(f"x {plain(text)}", writer="html")["body"]
    assert body.strip() == f"<p>x {' '.join(text.split())}</p>"


def test_captions_of_a_study() -> None:
    entries = [{"kind": "bars", "name": "a"}, {"kind": "bars", "name": "b", "title": "B", "caption": "Of b."}]
    found = captions("T", "Q?", entries)
    assert found == {"report": "T. Q?", "a": found["a"], "b": "B. Of b."}
    assert found["a"]


@pytest.mark.parametrize(
    ("words", "worth"),
    [("a 1 s (smoke); b 2 s (noisy)", "noisy, smoke"), ("a 1 s", UNMARKED), ("a smoke machine", UNMARKED)],
)
def test_the_verdicts_that_a_figure_names(tmp_path: Path, words: str, worth: str) -> None:
    (tmp_path / "a.svg").write_text(DRAWING.format(words=words))
    assert worth_of_figure(tmp_path / "a.svg") == worth


@pytest.mark.parametrize(
    ("verdicts", "worth"),
    [("noisy\nsmoke\nnoisy\nnot measured\n", "2 noisy, 1 smoke, 1 not measured"), ("", "nothing measured")],
)
def test_what_a_study_is_worth(tmp_path: Path, verdicts: str, worth: str) -> None:
    (tmp_path / "verdicts.csv").write_text(f"verdict\n{verdicts}")
    assert worth_of_study(tmp_path / "verdicts.csv") == worth
