"""A study by the command of the README, and by nothing else: what is submitted, where it runs, and when."""

from itertools import pairwise

COMMAND = "snakemake --cores all --profile slurm --config studies=[mine] system=virtual"


def test_a_study(login):
    login.write_study()
    said = login.measured(COMMAND)
    print(said)
    jobs = login.jobs()
    for job in jobs: print(job)
    for k, r in login.records().items(): print(k, r.get("verdict"), r.get("status"))
    assert 0
