"""What libraries say, fit to be shown to anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.wording import MAX_QUOTED, of_library

SECRET = "c2VjcmV0"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"GET https://b.example/o?X-Goog-Signature={SECRET}&y=1: 403", "GET https://b.example/o 403"),
        (f"Too many retries with url: /o?id={SECRET} (Caused by X)", "Too many retries with url: /o (Caused by X)"),
        (f'error for url ("https://b.example/o?a={SECRET}")', 'error for url ("https://b.example/o")'),
        (f"cannot connect to nats://user:{SECRET}@n:4222", "cannot connect to nats://n:4222"),
        (f"first line\nAuthorization: Bearer {SECRET}", "first line"),
    ],
)  # fmt: skip
def test_addresses_lose_what_may_be_secret(said: str, shown: str) -> None:
    """A signature, the id of an upload and a password let in whoever reads a log."""
    assert of_library(RuntimeError(said)) == shown


@given(st.text(), st.from_regex(r"[A-Za-z0-9]{8,40}", fullmatch=True))
def test_a_query_never_stays_whatever_stands_around(around: str, secret: str) -> None:
    """One line, of a bounded length, without the signature."""
    shown = of_library(f"{around} https://b.example/o?signature=0{secret}0 {around}")
    assert f"0{secret}0" not in shown
    assert len(shown) <= MAX_QUOTED
