from pathlib import Path

import pytest

from cotejo.code import SCRIPTS, ast_digest, run_modules
from cotejo.errors import CotejoError

SOURCE = '''"""Doc."""


def double(x):
    """Doubles."""
    return 2 * x  # twice


class A:
    "Doc."
    n = 1
'''
SAME = "def double( x ):\n    return (2 * x)\nclass A:\n    n = 1\n"


def written(folder: Path, **sources: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.py" for name in sources]
    for path, source in zip(paths, sources.values(), strict=True):
        path.write_text(source)
    return paths


def test_comments_docstrings_and_formatting_do_not_count(tmp_path):
    assert ast_digest(written(tmp_path / "a", m=SOURCE)) == ast_digest(written(tmp_path / "b", m=SAME))


@pytest.mark.parametrize(
    "changed",
    [
        SOURCE.replace("2 * x", "3 * x"),
        SOURCE.replace("2 * x", "2.0 * x"),
        SOURCE.replace("n = 1", "n = True"),
        SOURCE.replace("n = 1", "n = '1'"),
        SOURCE.replace("n = 1", "n = None"),
        SOURCE.replace("return 2 * x", "2 * x"),
    ],
)
def test_any_change_of_the_code_counts(tmp_path, changed):
    assert ast_digest(written(tmp_path / "a", m=SOURCE)) != ast_digest(written(tmp_path / "b", m=changed))


def test_a_string_that_is_no_docstring_counts(tmp_path):
    (one,) = written(tmp_path / "1", m="x = 1\n'hello'\n")
    (other,) = written(tmp_path / "2", m="x = 1\n'world'\n")
    assert ast_digest([one]) != ast_digest([other])


def test_order_and_folder_do_not_count_but_names_do(tmp_path):
    a, b = written(tmp_path / "one", a="x = 1", b="x = 2")
    c, d = written(tmp_path / "two", a="x = 1", b="x = 2")
    assert ast_digest([a, b]) == ast_digest([d, c])
    e, f = written(tmp_path / "three", a="x = 2", b="x = 1")
    assert ast_digest([a, b]) != ast_digest([e, f])


def test_two_modules_of_one_name_both_count(tmp_path):
    (a,), (b,), (c,) = (written(tmp_path / name, m=text) for name, text in (("1", "x=1"), ("2", "x=2"), ("3", "x=3")))
    assert ast_digest([a, b]) == ast_digest([b, a])
    assert len({ast_digest([a, b]), ast_digest([a, c]), ast_digest([a])}) == 3


def test_missing_or_broken_files_are_named(tmp_path):
    with pytest.raises(CotejoError, match=r"gone\.py: no such file"):
        ast_digest([tmp_path / "gone.py"])
    with pytest.raises(CotejoError, match=r"bad\.py: line 2: not valid Python"):
        ast_digest(written(tmp_path, bad="x = 1\ndef ("))


def package(folder: Path) -> Path:
    written(
        folder / "cotejo",
        __init__="",
        worker="def main():\n    from cotejo import backends\n    import cotejo.tools.clock\n    import json\n",
        unused="",
        errors="",
    )
    written(folder / "cotejo" / "backends", __init__="BACKENDS = {}", a_b="from cotejo.errors import E", other="")
    written(folder / "cotejo" / "tools", __init__="", clock="")
    return folder


def test_modules_of_a_run_are_what_its_worker_can_reach(tmp_path):
    scripts = package(tmp_path)
    names = [
        path.relative_to(scripts / "cotejo").as_posix() for path in run_modules({"backend": "a-b"}, scripts=scripts)
    ]
    assert names == [
        "__init__.py",
        "backends/__init__.py",
        "backends/a_b.py",
        "errors.py",
        "tools/__init__.py",
        "tools/clock.py",
        "worker.py",
    ]


def test_another_backend_is_another_set_of_modules(tmp_path):
    scripts = package(tmp_path)
    digests = {ast_digest(run_modules({"backend": name}, scripts=scripts)) for name in ("a-b", "other")}
    assert len(digests) == 2


def test_this_package_can_be_digested():
    assert len(ast_digest(SCRIPTS.glob("cotejo/*.py"))) == 16


def test_better_statistics_are_no_other_measurement() -> None:
    run = {"backend": "openvino", "task": "text-generation", "architecture": "llama"}
    modules = {path.relative_to(SCRIPTS).as_posix() for path in run_modules(run)}
    assert "cotejo/tasks/text_generation.py" in modules
    assert not modules & {"cotejo/stats.py", "cotejo/tasks/latency.py", "cotejo/summary.py"}
