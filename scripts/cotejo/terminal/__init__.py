"""What a person sees on the terminal while a study runs: a logger plugin of Snakemake's, and the words it prints.

`plugin` takes Snakemake's events, `view` turns them into lines, `screen` writes these. What is to be measured, and how
long that took before, the workflow tells in one message (`announce`) before the first job starts. The rest is pure
functions on plain data.
"""
