"""Snakemake's own advice on the workflow."""

import re

# Cotejo pins its environments itself, without conda or containers. Every rule with a shell command gets this note.
TOLERATED = "Specify a conda environment or container for each rule."


def test_snakemakes_lint_finds_nothing_but_what_every_shell_rule_gets(project):
    done = project.snakemake("--lint")
    notes = re.findall(r"^    \* (.*?):$", done.stdout + done.stderr, flags=re.MULTILINE)
    assert TOLERATED in notes, "the lint's output is read no more"
    assert set(notes) == {TOLERATED}
