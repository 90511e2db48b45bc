"""What an export answers under another interpreter: a real one, which is this one by another name."""

import sys
from pathlib import Path

import numpy as np
import pytest

from cotejo.exports import elsewhere

INPUTS = [{"images": np.zeros((1, 3), np.float32)}, {"images": np.ones((2, 3), np.float32), "a.b": np.arange(4)}]


def test_tensors_come_back_as_they_were_written(tmp_path):
    elsewhere.write(tmp_path / "tensors.npz", INPUTS)
    read = elsewhere.read(tmp_path / "tensors.npz")
    assert [sorted(given) for given in read] == [["images"], ["a.b", "images"]]
    for name, values in INPUTS[1].items():
        assert np.array_equal(read[1][name], values)
        assert read[1][name].dtype == values.dtype


def test_what_another_interpreter_answers_is_read(tmp_path):
    """Its format is one that is put into the registry beside a module of the test's."""
    stand_in = tmp_path / "bin" / "python"
    stand_in.parent.mkdir()
    (tmp_path / "doubling.py").write_text(
        "import sys\n"
        "from cotejo import exports\n"
        "from cotejo.exports import elsewhere\n"
        "def outputs(folder, architecture, inputs):\n"
        "    assert (folder.name, architecture) == ('export', 'blip')\n"
        "    return [{name: values * 2 for name, values in given.items()} for given in inputs]\n"
        "exports.EXPORTERS['doubling'] = 'doubling'\n"
        "sys.modules['doubling'] = sys.modules['__main__']\n"
        "sys.argv = ['elsewhere', *sys.argv[3:]]\n"
        "elsewhere.main()\n"
    )
    stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path / "doubling.py"} "$@"\n')
    stand_in.chmod(0o755)
    answers = elsewhere.answers(stand_in, "doubling", Path("export"), "blip", INPUTS)
    assert np.array_equal(answers[1]["images"], np.full((2, 3), 2, np.float32))


def test_what_it_fails_at_is_its_last_line(tmp_path):
    with pytest.raises(RuntimeError, match=r"python.*: error: format: odd: unknown\. One of openvino"):
        elsewhere.answers(Path(sys.executable), "odd", tmp_path, "blip", INPUTS)
