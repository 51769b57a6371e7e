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
    text, step = packed_numbers(values, step=1e-5)
    low, high = np.frombuffer(gzip.decompress(base64.b64decode(text)), dtype=np.uint8).reshape(2, 4)
    found = (high.astype("<u2") << 8 | low).view("<i2") * step
    assert step == 1e-5
    assert np.abs(found.reshape(2, 2) - values).max() <= step / 2 + 1e-12


def test_a_number_too_large_for_the_step_gets_a_larger_one():
    text, step = packed_numbers(np.array([1.0]), step=1e-5)
    assert step == 1 / 32_767
    assert gzip.decompress(base64.b64decode(text)) == b"\xff\x7f"  # 32,767, low byte first


def test_numbers_that_are_all_zero_are_packed_too():
    text, _ = packed_numbers(np.zeros(3), step=1e-5)
    assert not any(gzip.decompress(base64.b64decode(text)))


def test_the_same_values_give_the_same_text():
    assert packed_json(["a"]) == packed_json(["a"])
