"""Event files of TensorBoard: of studies that train something, from their records alone."""

STUDY = ("--config", "studies=[cml-t5-deepspeed]", "overlay=smoke")


def test_a_study_that_trains_has_event_files_and_its_figures_need_none(project):
    project.finish("cml-t5-deepspeed", "smoke")
    events = project.folder / "results/cml-t5-deepspeed-smoke/tensorboard"
    (events / ".snakemake_timestamp").unlink()
    events.rmdir()
    assert project.jobs(*STUDY) == {"write_tensorboard": 1}
    assert project.jobs("plots", *STUDY) == {}
