"""The stand-in for a described service: it shares the description with the suite and nothing else."""
