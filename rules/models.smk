"""Where weights come from: the hub, a folder of the user's, or a seeded generator."""

from cotejo.code import ast_digest
from cotejo.files import sha256_of
from cotejo.models import own
from cotejo.models.catalogue import model_entry_digest

# What the made-up bytes depend on besides the model's entry. The cache that checkouts share is keyed by it.
SYNTHESIZER = ast_digest(
    [
        Path("scripts/synthesize_model.py"),
        Path("scripts/cotejo/files.py"),
        *sorted(Path("scripts/cotejo/models").glob("*.py")),
    ]
)


localrules:
    # The hub is on the internet, and folders are the user's own: compute nodes need have neither.
    fetch_model,
    copy_model,


rule fetch_model:
    """Fetch a model at the commit its entry pins, verified file by file; a broken fetch goes on where it stopped."""
    output:
        folder=directory("resources/models/{model}/hub-full"),
    log:
        "logs/fetch_model/{model}.log",
    priority: PREPARE
    retries: 2
    params:
        entry=lambda wildcards: model_entry_digest(wildcards.model, MODELS[wildcards.model]),
    shell:
        "python scripts/fetch_model.py --models config/models.yaml --model {wildcards.model}"
        " --output {output.folder:q} > {log:q} 2>&1"


rule copy_model:
    """Copy a model from the user's own folder, so that a folder which changes can't change what is measured."""
    output:
        folder=directory("resources/models/{model}/own-full"),
    log:
        "logs/copy_model/{model}.log",
    priority: PREPARE
    params:
        entry=lambda wildcards: model_entry_digest(wildcards.model, MODELS[wildcards.model]),
        sha256=lambda wildcards: own.identity(wildcards.model, MODELS[wildcards.model]),
    shell:
        "python scripts/copy_model.py --models config/models.yaml --model {wildcards.model} --sha256 {params.sha256}"
        " --output {output.folder:q} > {log:q} 2>&1"


rule synthesize_model:
    """Make a model of the real architecture with seeded random weights, for machines that can't have the hub's."""
    output:
        folder=directory("resources/models/{model}/synthetic-{scale}"),
    log:
        "logs/synthesize_model/{model}-{scale}.log",
    cache: True
    priority: PREPARE
    retries: 1
    resources:
        **PREPARING,
    params:
        model="{model}",
        scale="{scale}",
        entry=lambda wildcards: model_entry_digest(wildcards.model, MODELS[wildcards.model]),
        code=SYNTHESIZER,
        lock=sha256_of(Path("envs/main.txt")),
    shell:
        "python scripts/synthesize_model.py --models config/models.yaml --model {params.model}"
        " --scale {params.scale} --output {output.folder:q} > {log:q} 2>&1"
