"""The README's graph of rules is that of the demo."""

import re

from cotejo.command import ROOT


def test_the_drawn_graph_has_every_rule_of_the_demo_and_its_jobs(project):
    drawn = (ROOT / "docs" / "images" / "dag.svg").read_text(encoding="utf-8")
    rules = re.findall(r"<title>(\w+)</title>\s*<path", drawn)
    jobs = project.jobs("--config", "studies=[demo]")
    assert sorted(rules) == sorted(jobs), "run `make dag`"
    for rule, count in jobs.items():
        if count > 1:
            assert re.search(rf">{rule}</text>\s*<text[^>]*>[^<]*\u00d7 {count}</text>", drawn), (
                f"{rule}: run `make dag`"
            )
