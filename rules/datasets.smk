"""What the models are fed."""

from cotejo.datasets.entries import entry_digest


localrules:
    # It reads the user's own folders and system packages, which compute nodes need not have.
    prepare_dataset,


rule prepare_dataset:
    """Lay out a data set's items in one folder, with dataset.json naming origin, licence and checksum of each."""
    output:
        folder=directory("resources/datasets/{dataset}"),
    log:
        "logs/prepare_dataset/{dataset}.log",
    priority: PREPARE
    params:
        entry=lambda wildcards: entry_digest(DATASETS[wildcards.dataset]),
    shell:
        "python scripts/prepare_dataset.py --datasets config/datasets.yaml --dataset {wildcards.dataset}"
        " --output {output.folder:q} > {log:q} 2>&1"
