"""The graph of rules: from Snakemake's jobs, without arrows that others imply, and in Graphviz's language."""

import pytest

from cotejo.command import ROOT
from cotejo.dag import PHASES, dot_of, meanings, read_jobs

JOBS = """digraph snakemake_dag {
    graph[bgcolor=white, margin=0];
    0[label = "all", color = "0.00 0.6 0.85", style="rounded"];
    1[label = "measure\\nrepeat: 1", color = "0.34 0.6 0.85", style="rounded"];
    2[label = "measure\\nrepeat: 2", color = "0.34 0.6 0.85", style="rounded"];
    3[label = "make", color = "0.62 0.6 0.85", style="rounded,dashed"];
    4[label = "check", color = "0.62 0.6 0.85", style="rounded"];
    1 -> 0
    2 -> 0
    3 -> 1
    3 -> 2
    4 -> 1
    3 -> 4
}
"""


def test_jobs_are_counted_by_rule_and_arrows_that_others_imply_are_left_out():
    rules = read_jobs(JOBS)
    assert rules.jobs == {"measure": 2, "make": 1, "check": 1}
    assert rules.before == {"measure": {"check"}, "make": set(), "check": {"make"}}


def test_a_box_has_the_rule_its_jobs_and_what_it_does():
    known = dict.fromkeys(("measure", "make", "check"), ("Do <this> & that", "#ffffff"))
    dot = dot_of(read_jobs(JOBS), known)
    assert "<b>measure</b>&#160;\u00d7 2<br/>" in dot and "<b>make</b><br/>" in dot
    assert "Do &lt;this&gt; &amp; that" in dot
    assert "  check -> measure;" in dot and "make -> measure" not in dot


def test_every_rule_is_known_by_the_first_clause_of_its_docstring():
    known = meanings(ROOT)
    assert known["summarise"][0].startswith("Recompute every metric from the raw samples")
    assert known["plan_runs"][0] == "Write a study's sheet"
    assert not any(said.endswith((".", ":", ";")) for said, _ in known.values())


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_is_of_files_that_there_are(phase):
    assert all((ROOT / "rules" / f"{stem}.smk").is_file() for stem in PHASES[phase][1])
