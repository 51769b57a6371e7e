"""Real fine-tuning runs: corpora, heads, the training loop, the grid and who executes it."""
