"""The report: one self-contained page of what a predictor says and how good it is."""

from importlib.util import find_spec

from metaselect.errors import MissingExtra

if not all(map(find_spec, ("altair", "jinja2", "vl_convert"))):
    raise MissingExtra("A report", "report")
