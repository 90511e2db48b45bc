"""What Cotejo's commands share. Importable without Snakemake; heavy packages are imported only where they are used."""
