"""Scoring: answers, tags, classes and retrieval against what is right."""
