"""What servers and clients run under: an environment for each stack, so that stacks never have to share packages."""


localrules:
    # Packages and images are on the internet, where compute nodes need not be.
    create_environment,
    pull_image,


rule create_environment:
    """Create the environment that a stack's lock file pins; one that is whole and as the file wants it is left alone."""
    output:
        # Beside the environment's own stamp, which tells an interrupted installation from a whole one.
        made=touch("resources/environments/{stack}/made"),
    log:
        "logs/create_environment/{stack}.log",
    priority: PREPARE
    retries: 2
    params:
        # Both, where there is one for machines without a GPU too.
        lock=lambda wildcards: [sha256_of(path) for path in lock_files(wildcards.stack)],
    shell:
        "python scripts/create_environment.py {wildcards.stack} --prefix resources/environments/{wildcards.stack}"
        " > {log:q} 2>&1"


rule pull_image:
    """Pull a registry's image once into a folder that checkouts share; of a file of the user's, take its digest."""
    input:
        # So that a newer file of the user's is another image.
        lambda wildcards: [] if is_reference(IMAGES[wildcards.image]) else image_file(IMAGES[wildcards.image]),
    output:
        known="resources/images/{image}.json",
    log:
        "logs/pull_image/{image}.log",
    wildcard_constraints:
        image="|".join(map(re.escape, IMAGES)) or "(?!)",
    priority: PREPARE
    retries: 2
    params:
        image=lambda wildcards: IMAGES[wildcards.image],
    shell:
        "python scripts/pull_image.py {params.image:q} --output {output.known:q} > {log:q} 2>&1"
