"""What a page carries of others, and what browsers are told to run."""

import base64
import hashlib
import json

import pytest

from cotejo.report.scripts import VENDOR, policy, scripts

CARRIED = json.loads((VENDOR / "vendor.json").read_text())


@pytest.mark.parametrize("carried", CARRIED, ids=[each["package"] for each in CARRIED])
def test_what_others_wrote_is_as_they_published_it_under_their_licence(carried: dict[str, str]) -> None:
    assert hashlib.sha256((VENDOR / carried["file"]).read_bytes()).hexdigest() == carried["sha256"]
    licence = (VENDOR / carried["licence"]).read_text()
    assert "Permission is hereby granted, free of charge" in licence and "Copyright" in licence
    assert f"-{carried['version']}.tgz" in carried["source"]
    [script] = [script for script in scripts() if script.startswith(f"/*! {carried['package']} {carried['version']}\n")]
    assert licence.strip() in script and (VENDOR / carried["file"]).read_text().strip() in script


def test_nothing_else_lies_there() -> None:
    named = {name for each in CARRIED for name in (each["file"], each["licence"])}
    assert {path.name for path in VENDOR.iterdir()} == {"vendor.json", *named}


def test_no_script_ends_the_element_that_holds_it() -> None:
    for script in scripts():
        assert "</script" not in script.lower() and "<!--" not in script and "\r" not in script


def test_a_browser_runs_these_scripts_and_asks_the_network_for_nothing() -> None:
    rule = policy(["alert(1)"])
    digest = base64.b64encode(hashlib.sha256(b"alert(1)").digest()).decode()
    assert f"script-src 'sha256-{digest}';" in rule
    assert rule.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in rule and "http" not in rule and "*" not in rule


def test_our_own_script_is_small_and_says_nothing_of_the_network() -> None:
    own = scripts()[0] + scripts()[-1]
    assert len(own.splitlines()) < 130
    assert not any(word in own for word in ("fetch", "XMLHttpRequest", "http", "innerHTML", "localStorage"))
