"""Each kind of wrong study stops before any job, with one line naming file, key, value and remedy."""

from pathlib import Path

import pytest
from study_example import copy_config

from cotejo.errors import CotejoError
from cotejo.study import load_study

GOOD = "{name: video, model: yolov8n-seg, dataset: street-video, backend: openvino}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return copy_config(tmp_path)


def study(runs: str = GOOD, figures: str = "[]", more: str = "") -> str:
    return f"title: Wrong\ndefaults: {{weights: synthetic, scale: small}}\nruns: [{runs}]\nfigures: {figures}\n{more}"


WRONG = {
    "unknown key": (study(more="repeat: 6"), "repeat: 6: unknown key"),
    "unknown setting": (
        study(GOOD[:-1] + ", precison: fp32}"),
        "runs[0].precison: 'fp32': unknown key. Did you mean 'precision'",
    ),
    "misspelt model": (
        study(GOOD.replace("v8n-seg", "v8nseg")),
        "runs[0].model: 'yolov8nseg': no entry of config/models.yaml. Did you mean 'yolov8n-seg'",
    ),
    "misspelt dataset": (
        study(GOOD.replace("street", "stret")),
        "runs[0].dataset: 'stret-video': no entry of config/datasets.yaml. Did you mean 'street-video'",
    ),
    "misspelt backend": (
        study(GOOD.replace("openvino", "openvno")),
        "runs[0].backend: 'openvno': no backend of that name. Did you mean 'openvino'",
    ),
    "bad core list": (study(GOOD[:-1] + ', cores: "0-"}'), "runs[0].cores: '0-': must be a number of CPUs"),
    "core outside the machine": (study(GOOD[:-1] + ', cores: "0,4096"}'), "runs[0].cores: '0,4096'"),
    "more cores than there are": (study(GOOD[:-1] + ", cores: 4096}"), "runs[0].cores: 4096"),
    "duplicate run": (study(f"{GOOD}, {GOOD.replace('name: video', 'name: again')}"), "runs[1]: again_yolov8n-seg"),
    "duplicate name": (study(f"{GOOD}, {GOOD}"), "runs[1].name: 'video': also the name of runs[0]"),
    "empty axis": (study(GOOD[:-1] + ", precision: []}"), "runs[0].precision: []: an empty axis"),
    "several repeats": (study(GOOD[:-1] + ", repeats: [3, 6]}"), "runs[0].repeats: [3, 6]: takes one value. Give one"),
    "negative repeats": (study(GOOD[:-1] + ", repeats: -1}"), "runs[0].repeats: -1: must be at least 1"),
    "wrong type": (study(GOOD[:-1] + ", duration_s: long}"), "runs[0].duration_s: 'long': must be a number, not text"),
    "wrong precision for the backend": (study(GOOD[:-1] + ", precision: int4}"), "runs[0].precision: 'int4'"),
    "backend that can't run the model": (
        study(GOOD.replace("openvino", "openvino-genai")),
        "runs[0].backend: 'openvino-genai': can't run yolov8n-seg",
    ),
    "arithmetic the backend hasn't": (
        study(GOOD.replace("openvino", "onnxruntime")[:-1] + ", compute_precision: bf16}"),
        "runs[0]: compute_precision: bf16: onnxruntime computes in the model's own precision",
    ),
    "data of the wrong kind": (
        study(GOOD.replace("street-video", "prompts")),
        "runs[0].dataset: 'prompts': holds prompts",
    ),
    "option of another task": (
        study(GOOD[:-1] + ", new_tokens: 8}"),
        "runs[0].new_tokens: 8: is no option of video-segmentation",
    ),
    "hub weights at small scale": (study(GOOD[:-1] + ", weights: hub}"), "runs[0].scale: 'small': published weights"),
    "missing setting": (
        study("{name: video, model: yolov8n-seg, backend: openvino}"),
        "runs[0]: lacks the key 'dataset'",
    ),
    "value twice on an axis": (study(GOOD[:-1] + ", precision: [fp32, fp32]}"), "runs[0].precision[1]: 'fp32': twice"),
    "bad name": (
        study(GOOD.replace("name: video", "name: ../video")),
        "runs[0].name: '../video': must be small letters",
    ),
    "no runs": (study(runs=""), "runs: []: must not be empty"),
    "unknown kind of figure": (study(figures="[{kind: pie, name: a}]"), "figures[0].kind: 'pie': no kind of figure"),
    "misspelt metric of a figure": (
        study(figures="[{kind: bars, name: a, by: [backend], metric: frame_per_s}]"),
        "figures[0].metric: 'frame_per_s': no metric of that name. Did you mean 'frames_per_s'?",
    ),
    "a percentile that there is not": (
        study(figures="[{kind: bars, name: a, by: [backend], metric: latency_p0_ms}]"),
        "figures[0].metric: 'latency_p0_ms': no metric of that name. Did you mean 'latency_p<q>_ms'?",
    ),
    "unknown option of a figure": (
        study(figures="[{kind: stages, name: a, colour: red}]"),
        "figures[0].colour: 'red': unknown key",
    ),
    "import without a folder": (
        study(more="imports: [{name: lab}]"),
        "imports[0]: lacks the key 'folder'. The `results/<study>` folder",
    ),
    "import with a bad name": (
        study(more="imports: [{name: Lab A30, folder: ../lab}]"),
        "imports[0].name: 'Lab A30': must be small letters",
    ),
    "import that isn't there": (
        study(more="imports: [{name: lab, folder: ../lab}]"),
        "imports[0].folder: ../lab: no such folder",
    ),
    "import without records": (
        study(more="imports: [{name: lab, folder: config}]"),
        "imports[0].folder: config: holds no records. Name a results/<study> folder",
    ),
    "broken YAML": (study(more="x: [1"), "not valid YAML"),
    "no text": (study(more="x: \0"), "not valid YAML: unacceptable character #x0000: special characters are not"),
    "nothing in it": ("", "top level: is empty. Give it title, runs"),
    "key given twice": (study(more="title: Again"), "key 'title' is given twice"),
}


# Known only where a study is to be measured.
OF_THE_MACHINE = ("core outside the machine", "more cores than there are")
# Of each part that finds something wrong one goes through Snakemake, which prints what any of them raises.
THROUGH_SNAKEMAKE = (*OF_THE_MACHINE, "unknown key", "misspelt model", "broken YAML", "import that isn't there")


@pytest.mark.parametrize("kind", THROUGH_SNAKEMAKE)
def test_a_wrong_study_stops_with_one_message(project, kind):
    text, message = WRONG[kind]
    (project.folder / "config/studies/wrong.yaml").write_text(text)
    said = project.refusal("--config", "studies=[wrong]")
    assert said.startswith("error: config/studies/wrong.yaml")
    assert message in said
    assert not list(project.folder.glob("results/wrong*"))


@pytest.mark.parametrize("kind", [kind for kind in WRONG if kind not in OF_THE_MACHINE])
def test_the_message_names_file_key_value_and_remedy_in_one_line(config, kind):
    text, message = WRONG[kind]
    file = config / "studies" / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(CotejoError) as caught:
        load_study("wrong", config=config)
    said = str(caught.value)
    assert said.startswith(str(file)) and message in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("studies=[dmeo]", "studies: 'dmeo': there is no config/studies/dmeo.yaml. Did you mean 'demo'?"),
        ("studies=demo", "config.yaml or --config: studies: 'demo': must be a list, not text. Write [demo]"),
        ("overlay=smoek", "overlay: 'smoek': there is no config/overlays/smoek.yaml. Did you mean 'smoke'?"),
        ("system=here", "system: 'here': there is no config/systems/here.yaml"),
        ("study=[demo]", "study: ['demo']: unknown key. Did you mean 'studies'?"),
    ],
)
def test_a_wrong_option_stops_with_one_message(project, argument, message):
    assert message in project.refusal("--config", argument)


def test_missing_data_of_ones_own_stops_before_any_job(project):
    project.edit("config/datasets.yaml", "path: config/datasets/prompts.jsonl", "path: /data/my prompts.jsonl")
    said = project.refusal()
    assert "config/datasets.yaml: prompts.source.path: /data/my prompts.jsonl: no such file or folder. Mend" in said


def test_missing_data_is_no_matter_where_all_is_measured(project):
    project.edit("config/datasets.yaml", "alsa/Front_Left.wav", "alsa/None.wav")
    assert "None.wav: no such file or folder. These recordings come with the system package" in project.refusal()
    project.finish()
    assert "measure_process" not in project.jobs()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("\tstudies: [demo]", "config/config.yaml, line 1, column 1: not valid YAML: found character '\\t'"),
        ("- studies", "config/config.yaml: top level: ['studies']: must be a mapping, not a list"),
    ],
)
def test_a_configuration_that_snakemake_cannot_read_is_named_by_its_line(project, line, message):
    (project.folder / "config/config.yaml").write_text(f"{line}\n")
    assert message in project.refusal()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("results/demo/figures/text-by-core.svg", "no figure of that study. Did you mean 'text-by-cores'?"),
        ("results/edge-cloud/report.html", "of no selected study. Add --config studies=[…]"),
    ],
)
def test_a_file_that_no_rule_makes_is_answered_in_one_line(project, target, message):
    assert project.refusal(target).startswith(f"error: {target}: {message}")
