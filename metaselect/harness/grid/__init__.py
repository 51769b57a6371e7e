"""A grid of runs: its stages, who carries them out, and what is kept."""
