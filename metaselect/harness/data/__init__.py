"""Data of tasks: where they come from, their rows, tokens and batches."""
