"""The report on a model: what was measured, read and drawn as one page that needs nothing else."""
