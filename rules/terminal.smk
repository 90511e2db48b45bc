"""What is said before the first job starts, and told to the view of scripts/cotejo/terminal."""

from snakemake.logging import logger

from cotejo.terminal.announce import announce, short_of_disk
from cotejo.terminal.facts import ATTRIBUTE
from cotejo.terminal.words import MEASURING as MEASURING_RULES


onstart:
    look_at_queue()
    facts, told = announce(
        STUDIES,
        [job.output[0] for job in workflow.dag.needrun_jobs() if job.rule.name in MEASURING_RULES],
        workflow.non_local_exec,
    )
    if told:
        for warning in short_of_disk(STUDIES, MODELS, config["environments"], Path.cwd()):
            logger.warning(warning)
    logger.info(told, extra={ATTRIBUTE: facts})
