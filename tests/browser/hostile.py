"""A study by someone who wants their text to run in the browser of whoever reads the report."""

import json
from pathlib import Path
from typing import Any

from cotejo.published.rows import COLUMNS

NAME = "hostile"
# What would run if any of it were taken for more than text, wherever it lands: in an element, an attribute, a script.
TEXT = (
    """<script>ran=1</script></title></style>"'><img src=x onerror=ran=1><svg onload=ran=1>"""
    """&lt;b onclick=ran=1&gt; --> ]]>"""
)
RUN = "text-generation,tinyllama-1.1b-chat,openvino,int8,0,,in-process,,generation_throughput,mean,16,tok/s"

# What records hold of texts that others wrote: programs, machines, packages, models.
CHANGES: dict[str, Any] = {
    "message": TEXT, "versions": {TEXT: TEXT}, "command": [TEXT], "model__licence": TEXT,
    "model__source": {TEXT: TEXT}, "environment__machine__hostname": TEXT, "environment__machine__cpu": TEXT,
    "environment__machine__os": TEXT, "environment__software__python": TEXT,
}  # fmt: skip


def put_study(config: Path) -> None:
    """Write the study, its title, question, captions and published notes all hostile, into a copy of config/."""
    figure = {"kind": "bars", "metric": "tokens_per_s", "by": ["precision"], "title": TEXT, "caption": TEXT}
    run = {"model": "tinyllama-1.1b-chat", "backend": "openvino", "dataset": "prompts"}
    study = {
        "title": TEXT,
        "question": TEXT,
        "published": f"published/{NAME}.csv",
        "defaults": {"weights": "synthetic", "scale": "small", "repeats": 6, **run},
        "runs": [{"name": "text", "precision": ["int8", "int4", "fp16"], "cores": 1}],
        "figures": [{**figure, "name": "speed"}, {**figure, "kind": "scaling", "name": "cores"}],
    }
    (config / "studies" / f"{NAME}.yaml").write_text(json.dumps(study))  # which is YAML too
    quoted = '"' + TEXT.replace('"', '""') + '"'
    lines = [",".join(COLUMNS), f"{NAME},lab,text,{RUN},{quoted}"]
    (config / "published" / f"{NAME}.csv").write_text("\n".join(lines) + "\n")
