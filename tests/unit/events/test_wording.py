"""What libraries say, fit to be shown to anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.wording import MAX_QUOTED, MAX_WORDS, clean, first_line, in_one_line, of_library

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


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\rb\x00\x7f\x9b", r"a\rb\x00\x7f\x9b"),
        ("a\u202eb\u2066\u200f", r"a\u202eb\u2066\u200f"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("lone \udcff", r"lone \udcff"),
        ("tag \U000e0041", r"tag \U000e0041"),
        ("two\nlines", "two\nlines"),
        ("größer, 模型, \U0001f469\u200d\U0001f4bb", "größer, 模型, \U0001f469\u200d\U0001f4bb"),
    ],
)
def test_what_steers_a_terminal_is_written_as_an_escape(words: str, shown: str) -> None:
    """A model's text can neither clear a screen nor turn what is read; other languages stay as they are."""
    assert clean(words) == shown


@given(st.text(alphabet=st.characters(), max_size=3000))
def test_clean_text_is_bounded_and_can_be_written_and_cleaned_again(words: str) -> None:
    """Cleaning what is clean changes nothing, and UTF-8 holds it."""
    shown = clean(words)
    shown.encode()
    assert len(shown) <= MAX_WORDS
    assert clean(shown) == shown


def test_a_long_text_is_cut_before_it_costs() -> None:
    """It says that there was more."""
    assert clean("\x00" * 50_000_000, most=9) == "\\x00\\x00…"
    assert clean("x" * 11, most=10) == "xxxxxxxxx…"
    assert clean("x" * 10, most=10) == "xxxxxxxxxx"


def test_a_place_with_one_line_gets_one_line() -> None:
    """A text with line feeds cannot forge a line of a table."""
    assert in_one_line("one\ntwo\x1b") == r"one\ntwo\x1b"
    assert first_line("one\ntwo") == "one …"
    assert first_line(" one \n") == "one"
