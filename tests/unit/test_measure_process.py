import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from record_example import RUN, changed

from cotejo.arguments import add_run, add_stage, check_exports, inputs_of, parsed_run
from cotejo.code import SCRIPTS
from cotejo.errors import CotejoError
from cotejo.repeat import Inputs


def test_a_run_is_taken_as_it_is():
    assert parsed_run(json.dumps(RUN)) == RUN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "--run: not valid JSON"),
        ("[]", "--run: top level"),
        (json.dumps({**RUN, "weights": "none"}), "--run: weights: 'none': not allowed"),
        (json.dumps({**RUN, "timeout_s": 0}), "--run: timeout_s: 0: must be more than 0"),
        (json.dumps({key: value for key, value in RUN.items() if key != "seed"}), "--run: .*lacks the key 'seed'"),
    ],
)
def test_a_bad_run_is_refused(text, message):
    with pytest.raises(CotejoError, match=message):
        parsed_run(text)


def inputs(format, artefact, parity):
    return Inputs(changed(RUN, format=format), 1, Path("m"), Path("d"), artefact, parity)


def staging(*flags, **settings):
    """Where the folders are copied to first, by the command's flags."""
    parser = argparse.ArgumentParser()
    add_run(parser)
    add_stage(parser)
    run = json.dumps({**RUN, "format": None, **settings})
    given = ["--run", run, "--model-folder", "m", "--dataset-folder", "d", *flags]
    return inputs_of(parser.parse_args(given)).stage


def test_folders_are_staged_where_it_is_asked_for():
    assert staging() is None
    assert staging("--stage=/scratch/$USER") == "/scratch/$USER"  # by the variable of the machine that measures
    assert staging("--stage") == tempfile.gettempdir()


def test_a_run_on_several_nodes_reads_its_files_where_they_lie():
    assert staging(nodes=2) is None
    with pytest.raises(CotejoError, match=r"--stage: /scratch: the run's other nodes have no copies there"):
        staging("--stage=/scratch", nodes=2)


def test_an_export_comes_with_its_findings_or_not_at_all():
    check_exports(inputs("openvino", Path("e"), Path("p")))
    check_exports(inputs(None, None, None))
    with pytest.raises(CotejoError, match=r"--parity: None: backend openvino-genai needs .* openvino export"):
        check_exports(inputs("openvino", Path("e"), None))
    with pytest.raises(CotejoError, match="--artefact: None"):
        check_exports(inputs("openvino", None, None))
    with pytest.raises(CotejoError, match=r"--artefact: e: .* takes no export. Leave it out"):
        check_exports(inputs(None, Path("e"), None))


def test_the_parent_imports_nothing_heavy():
    heavy = ("numpy", "pandas", "torch", "openvino")
    code = f"import sys, measure_process; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
