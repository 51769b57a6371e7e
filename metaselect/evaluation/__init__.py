"""Nested evaluation, contrasts with intervals, ablation."""
