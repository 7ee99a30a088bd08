"""Answers of the ModelService are read although a message in them is no text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigResponse

from service.serving_status import Line, Unreadable, read_reload, read_status, words, write_status


def test_the_twin_reads_what_the_real_message_writes() -> None:
    """Field by field, with all that is not asked for left aside."""
    answer = GetModelStatusResponse()
    one = answer.model_version_status.add(version=2**63 - 1, state=50)
    one.status.error_code, one.status.error_message = 15, "größer"
    answer.model_version_status.add(version=3, state=30).status.SetInParent()
    lines = read_status(answer.SerializeToString())
    assert lines == [Line(2**63 - 1, 50, 15, "größer".encode()), Line(3, 30)]
    assert GetModelStatusResponse.FromString(write_status(lines)) == answer


def test_bytes_that_are_no_text_are_read() -> None:
    """The real message refuses the whole answer; the twin replaces what is no UTF-8."""
    data = write_status([Line(1, 30), Line(2, 50, 3, b"record \xff\x00\x1b[2J")])
    with pytest.raises(Exception, match=r"UTF-8|parsing"):
        GetModelStatusResponse.FromString(data)
    good, bad = read_status(data)
    assert good == Line(1, 30)
    assert bad.words == "record \N{REPLACEMENT CHARACTER}\\x00\\x1b[2J"


def test_a_message_of_megabytes_is_a_thousand_characters() -> None:
    """Cut before it is decoded."""
    assert len(words(b"x" * 50_000_000)) == 1000
    assert len(words("größe".encode() * 10_000)) == 1000


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    """Nothing else is raised."""
    try:
        for line in read_status(data):
            line.words.encode()
    except Unreadable:
        pass


def test_a_reload_s_answer_is_read_the_same_way() -> None:
    """Its status may hold the same bytes."""
    answer = ReloadConfigResponse()
    answer.status.error_code, answer.status.error_message = 9, "no"
    assert read_reload(answer.SerializeToString()) == (9, b"no")
    assert read_reload(b"") == (0, b"")
