"""What docs/reference/ says of tables, metrics and verdicts, in one place. scripts/document_reference.py makes them.

Only documentation imports this, and nothing that measures.
"""
