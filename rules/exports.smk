"""What each runtime can load, made from a model, and the gate that says whether it may be measured."""

import os

from cotejo.exports import EXPORTERS, code_digest
from cotejo.output_cache import VARIABLE, check_output_cache

MODEL = "resources/models/{model}/{weights}-{scale}"


# The cache that checkouts share knows an export by its rule's unformatted command, its params and its model. So params
# hold everything else that decides the bytes: all wildcards, the code, the packages. No path may be absolute.
#
# Where several make the same export at once, the second lies inside the first (cotejo.verified leaves it out), and the
# third can't be put there: its job is tried again, and finds the first.
#
# At full scale a job takes all cores, because two large models side by side would run out of the memory that each of
# them has alone, and that would be written down as its result.


if workflow.enable_cache and workflow.is_main_process:
    try:
        check_output_cache(os.environ.get(VARIABLE))
    except CotejoError as error:
        stop(error)
elif workflow.enable_cache:

    checkpoint know_all_rules:
        """Never made. On a cluster's node Snakemake looks at no rule but the job's own, unless there is a checkpoint.

        Then it doesn't know what made the model, tries to read the folder as a file, and fails; and were it not to, the
        cache would know an export that a node makes by another name than the same export made here.
        """
        output:
            "resources/never-made",
        shell:
            "exit 1"


rule export_openvino:
    """Export to OpenVINO's intermediate representation, each architecture by the exporter that its users take."""
    input:
        model=MODEL,
    output:
        export=directory("resources/exports/{model}/{weights}-{scale}/openvino-{precision}"),
    log:
        "logs/export_openvino/{model}-{weights}-{scale}-{precision}.log",
    cache: True
    priority: PREPARE
    retries: 1
    threads: lambda wildcards: CORES if wildcards.scale == "full" else 1
    resources:
        **PREPARING,
    params:
        model="{model}",
        weights="{weights}",
        scale="{scale}",
        precision="{precision}",
        code=exporting_code("openvino"),
        lock=sha256_of(Path("envs/main.txt")),
    shell:
        "python scripts/export_openvino.py --model-folder {input.model:q} --precision {params.precision}"
        " --output {output.export:q} > {log:q} 2>&1"


rule export_openvino_genai:
    """Export Whisper in the layout that openvino-genai loads; other models share the format `openvino` with it."""
    input:
        model=MODEL,
    output:
        export=directory("resources/exports/{model}/{weights}-{scale}/openvino-genai-{precision}"),
    log:
        "logs/export_openvino_genai/{model}-{weights}-{scale}-{precision}.log",
    cache: True
    priority: PREPARE
    retries: 1
    threads: lambda wildcards: CORES if wildcards.scale == "full" else 1
    resources:
        **PREPARING,
    params:
        model="{model}",
        weights="{weights}",
        scale="{scale}",
        precision="{precision}",
        code=exporting_code("openvino-genai"),
        lock=sha256_of(Path("envs/main.txt")),
    shell:
        "python scripts/export_openvino_genai.py --model-folder {input.model:q} --precision {params.precision}"
        " --output {output.export:q} > {log:q} 2>&1"


rule export_onnx:
    """Export to ONNX, with batch and sequence left open where the runtime may choose them."""
    input:
        model=MODEL,
    output:
        export=directory("resources/exports/{model}/{weights}-{scale}/onnx-{precision}"),
    log:
        "logs/export_onnx/{model}-{weights}-{scale}-{precision}.log",
    cache: True
    priority: PREPARE
    retries: 1
    threads: lambda wildcards: CORES if wildcards.scale == "full" else 1
    resources:
        **PREPARING,
    params:
        model="{model}",
        weights="{weights}",
        scale="{scale}",
        precision="{precision}",
        code=exporting_code("onnx"),
        lock=sha256_of(Path("envs/main.txt")),
    shell:
        "python scripts/export_onnx.py --model-folder {input.model:q} --precision {params.precision}"
        " --output {output.export:q} > {log:q} 2>&1"


rule export_gguf:
    """Export to GGUF for llama.cpp, which loads nothing else; LLaVA's vision transformer is a file of its own."""
    input:
        model=MODEL,
    output:
        export=directory("resources/exports/{model}/{weights}-{scale}/gguf-{precision}"),
    log:
        "logs/export_gguf/{model}-{weights}-{scale}-{precision}.log",
    cache: True
    priority: PREPARE
    retries: 1
    threads: lambda wildcards: CORES if wildcards.scale == "full" else 1
    resources:
        **PREPARING,
    params:
        model="{model}",
        weights="{weights}",
        scale="{scale}",
        precision="{precision}",
        code=exporting_code("gguf"),
        lock=sha256_of(Path("envs/main.txt")),
    shell:
        "python scripts/export_gguf.py --model-folder {input.model:q} --precision {params.precision}"
        " --output {output.export:q} > {log:q} 2>&1"


rule export_tensorrt:
    """Build TensorRT's engine from the ONNX export, on the machine that it is for, as it is of use on no other.

    So each system has its own, and none of them is shared by the cache between checkouts.
    """
    input:
        stack_of_export("tensorrt"),
        model=MODEL,
        onnx="resources/exports/{model}/{weights}-{scale}/onnx-{precision}",
    output:
        export=directory("resources/exports/{model}/{weights}-{scale}/tensorrt-{precision}-on-{system}"),
    log:
        "logs/export_tensorrt/{model}-{weights}-{scale}-{precision}-{system}.log",
    wildcard_constraints:
        system=OF_SELECTED,
    priority: PREPARE
    retries: 1
    # All of them: kernels are chosen by the time they take.
    threads: CORES
    resources:
        **BUILDING,
    params:
        python=str(export_stack("tensorrt", config["environments"]).python),
        code=exporting_code("tensorrt"),
        lock=sha256_of(Path("envs/tensorrt.txt")),
    shell:
        "{params.python:q} scripts/export_tensorrt.py --model-folder {input.model:q} --source-folder {input.onnx:q}"
        " --precision {wildcards.precision} --output {output.export:q} > {log:q} 2>&1"


rule check_export:
    """Compare an export with PyTorch, and its constants with the precision it claims: who fails gets no speed."""
    input:
        lambda wildcards: stack_of_export(wildcards.format),
        model=MODEL,
        export="resources/exports/{model}/{weights}-{scale}/{format}-{precision}{on}",
    output:
        parity="resources/exports/{model}/{weights}-{scale}/{format}-{precision}{on}.parity.json",
    log:
        "logs/check_export/{model}-{weights}-{scale}-{format}-{precision}{on}.log",
    wildcard_constraints:
        format="|".join(EXPORTERS),
        # Of exports that are for one system's machines: "-on-" and its name.
        on=f"(-on-({OF_SELECTED}))?",
    priority: PREPARE
    threads: lambda wildcards: CORES if wildcards.scale == "full" else 1
    resources:
        **CHECKING,
    params:
        bound=lambda wildcards: config["parity"][wildcards.precision],
    shell:
        "python scripts/check_export.py --model-folder {input.model:q} --export-folder {input.export:q}"
        " --bound {params.bound} --output {output.parity:q} > {log:q} 2>&1"
