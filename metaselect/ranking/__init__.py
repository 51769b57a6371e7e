"""Measures, the ranker, the simple rules it must beat, intervals."""
