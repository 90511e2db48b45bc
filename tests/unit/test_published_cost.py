from pathlib import Path

from cotejo.command import ROOT
from cotejo.figures import figure
from cotejo.figures.inputs import read_rows
from cotejo.published.analysis import studies_of
from cotejo.published.cost import cost_of, cost_sources, on_paper

CONFIG = ROOT / "config"
EDGE_CLOUD = next(study for study in studies_of(CONFIG) if study.name == "edge-cloud")


def test_the_documents_prices_are_enough_for_the_break_even_on_paper() -> None:
    entries = [entry for entry in EDGE_CLOUD.figures if on_paper(entry)]
    assert {(entry["owned"], entry["rented"]) for entry in entries} == {
        ("xr4520c", "m6i.8xlarge"),
        ("r760xa", "m7i.48xlarge"),
        ("xr4520c-a30", "g5.8xlarge"),
    }
    for entry in entries:
        said = figure(entry["kind"]).describe(read_rows(None), entry, cost=cost_of(EDGE_CLOUD, CONFIG))
        assert "Owning costs less" in said and "taken to be as fast" in said


def test_every_published_rate_has_its_row_and_every_blank_its_reason() -> None:
    for study in studies_of(CONFIG):
        table = cost_of(study, CONFIG)
        rates = table[table["basis"] == "published"]
        assert ((rates["usd"] > 0) | (rates["reason"] != "")).all()
        assert set(rates.loc[rates["machines"].isna(), "system"]) <= {
            "mendieta", "nodoai", "chameleon-p100", "cml-a100-pcie-40g", "runpod-a100-80g",
        }  # fmt: skip


def test_the_page_follows_the_prices_that_it_draws() -> None:
    found = {path.relative_to(CONFIG).as_posix() for path in cost_sources(EDGE_CLOUD.figures, CONFIG)}
    assert {"config.yaml", "systems/xr4520c.yaml", "systems/g5.8xlarge.yaml"} <= found
    assert cost_sources([{"kind": "bars"}], Path("config")) == set()
