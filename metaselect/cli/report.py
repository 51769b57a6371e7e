"""`metaselect report`: one self-contained page of what a predictor says and how good it is."""


def report_command() -> None:
    """Write the page."""
