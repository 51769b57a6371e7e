"""The report: one self-contained page of what a predictor says and how good it is."""
