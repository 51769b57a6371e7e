import base64
import gzip
import json

import numpy as np

from metaselect.report.embedding import embedded_json, packed_json, packed_numbers


def test_embedded_json_cannot_end_its_element_and_reads_back():
    value = {"a": "</script><!-- &amp; \u2028", "b": [1.5, None]}
    text = embedded_json(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


def test_packed_numbers_read_back_within_half_a_step():
    values = np.array([[0.3, -0.1], [0.0, 0.123456]])
    text, scale = packed_numbers(values)
    found = np.frombuffer(gzip.decompress(base64.b64decode(text)), dtype="<i2") * scale
    assert np.abs(found.reshape(2, 2) - values).max() <= scale / 2


def test_numbers_that_are_all_zero_are_packed_too():
    text, scale = packed_numbers(np.zeros(3))
    assert scale > 0
    assert not any(gzip.decompress(base64.b64decode(text)))


def test_the_same_values_give_the_same_text():
    assert packed_json(["a"]) == packed_json(["a"])
