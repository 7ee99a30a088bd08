"""The filter language: what is taken, what is refused, and what each filter lets through."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.pubsub.errors import InvalidArgument
from infra.local.pubsub.filters import All, AnyOf, Equals, Expression, Has, HasPrefix, Not, parse_filter

COM = {"name": "com"}
NET_ENGLISH = {"name": "net", "iana.org/language_tag": "en"}


@pytest.mark.parametrize(
    ("text", "attributes", "expected"),
    [
        ("attributes:name", COM, True),
        ("attributes:name", {"Name": "com"}, False),
        ("attributes:name", {"name": ""}, True),
        ("NOT attributes:name", {}, True),
        ("NOT attributes:name", COM, False),
        ('attributes.name = "com"', COM, True),
        ('attributes.name="com"', {"name": "COM"}, False),
        ('attributes.name = "com"', {}, False),
        ('attributes.name != "com"', COM, False),
        ('attributes.name != "com"', {"name": "org"}, True),
        ('attributes.name != "com"', {}, True),
        ('hasPrefix(attributes.name, "co")', COM, True),
        ('hasPrefix(attributes.name, "com.")', COM, False),
        ('hasPrefix(attributes.name, "")', COM, True),
        ('hasPrefix(attributes.name, "")', {}, False),
        ('NOT hasPrefix(attributes.name,"co")', {}, True),
        ('attributes:"iana.org/language_tag"', NET_ENGLISH, True),
        ('attributes."iana.org/language_tag" = "en"', NET_ENGLISH, True),
        ('attributes.name = "com" AND -attributes:"iana.org/language_tag"', COM, True),
        ('-attributes.name = "net"', NET_ENGLISH, False),
        ('attributes:"iana.org/language_tag" AND (attributes.name = "net" OR attributes.name = "org")', COM, False),
        (
            'attributes:"iana.org/language_tag" AND (attributes.name = "net" OR attributes.name = "org")',
            NET_ENGLISH,
            True,
        ),
        ('NOT (attributes:a OR attributes.name = "net")', COM, True),
        ('attributes:a OR attributes:b OR attributes.name = "com"', COM, True),
        ('attributes:name AND attributes.name = "com" AND attributes:b', COM, False),
        ("NOT attributes:a AND attributes:name", COM, True),
        ("  (\n( attributes : name )\t)", COM, True),
        ("attributes:a-b_c", {"a-b_c": "1"}, True),
        ("attributes:-x", {"-x": "1"}, True),
        ("attributes:AND AND attributes:NOT", {"AND": "", "NOT": ""}, True),
        (r'attributes.k = "a\"b\\c\n"', {"k": 'a"b\\c\n'}, True),
        (r'attributes:"\u307F\u3093\u306A"', {"みんな": "x"}, True),
        (r'attributes.k = "\x41\102\U0001F600"', {"k": "AB😀"}, True),
        ('attributes.k = "AND )"', {"k": "AND )"}, True),
    ],
)
def test_a_filter_delivers_what_its_author_asked_for(text: str, attributes: dict[str, str], expected: bool) -> None:
    """A filter in Google's language lets through exactly the messages that Google's page says it does."""
    assert parse_filter(text).matches(attributes) is expected


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "garbage !!",
        "name",
        "attributes",
        "attributes.",
        "attributes:",
        "attributes.name",
        "attributes.name = com",
        "attributes.name = 'com'",
        '"com" = attributes.name',
        "attributes.name = attributes.website",
        'attributes.name == "com"',
        'attributes.name > "com"',
        'attributes.name = "com',
        'attributes.name = "com" attributes:b',
        'attributes:a AND attributes.name = "net" OR attributes.name = "org"',
        "attributes:a OR attributes:b AND attributes:c",
        'attributes.name = "com" AND ("net" OR "org")',
        "attributes:a AND",
        "AND attributes:a",
        "attributes:a and attributes:b",
        "NOTattributes:a",
        "attributes:a ANDattributes:b",
        "NOT NOT attributes:a",
        "(attributes:a",
        "attributes:a)",
        "()",
        "attributes:a.b",
        'attributes.iana.org = "x"',
        r"attributes:\u307F",
        "attributes:み",
        r'attributes:"\q"',
        r'attributes:"\ud800"',
        r'attributes:"\UFFFFFFFF"',
        'hasSuffix(attributes.a, "x")',
        'hasPrefix(attributes:a, "x")',
        "hasPrefix(attributes.a)",
        'hasPrefix(attributes.a, "x"',
        'hasPrefix "x"',
        "data:x",
    ],
)
def test_a_wrong_filter_is_refused(text: str) -> None:
    """What Google does not take is refused when the subscription is made, with the place of the mistake."""
    with pytest.raises(InvalidArgument, match=r"Invalid filter .* at position"):
        parse_filter(text)


def test_mixing_and_with_or_says_what_is_missing() -> None:
    """The commonest mistake is named."""
    with pytest.raises(InvalidArgument, match="parentheses"):
        parse_filter("attributes:a AND attributes:b OR attributes:c")


def test_a_filter_has_at_most_256_bytes() -> None:
    """The limit counts bytes, not characters."""
    longest = f'attributes:"{"é" * 121}a"'
    assert len(longest.encode()) == 256
    assert parse_filter(longest).matches({"é" * 121 + "a": ""})
    with pytest.raises(InvalidArgument, match="too long: it has 257 bytes"):
        parse_filter(longest + " ")


def test_the_deepest_nesting_that_fits_is_read() -> None:
    """Parentheses cannot exhaust the parser within the size limit."""
    assert parse_filter("(" * 122 + "attributes:a" + ")" * 122).matches({"a": ""})


@given(st.text(alphabet=' ()-.:,=!"\\abANDORNOTattributeshasPrefix', max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the parser fail in another way than by a refusal."""
    try:
        read = parse_filter(text)
    except InvalidArgument:
        return
    assert read.matches({}) in (True, False)


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
_LEAVES = st.one_of(st.builds(Has, _WORDS), st.builds(Equals, _WORDS, _WORDS), st.builds(HasPrefix, _WORDS, _WORDS))


def _parts(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[tuple[Expression, ...]]:
    return st.lists(inner, min_size=2, max_size=3).map(tuple)


_EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.builds(Not, inner), st.builds(All, _parts(inner)), st.builds(AnyOf, _parts(inner))),
    max_leaves=4,
)


@given(_EXPRESSIONS)
def test_what_is_written_is_what_is_read(expression: Expression) -> None:
    """Each expression that can be written in the language is read back as itself, whatever is in its strings."""
    text = _write(expression)
    if len(text.encode()) <= 256:
        assert parse_filter(text).expression == expression


def _write(expression: Expression) -> str:
    match expression:
        case Has(key):
            return f"attributes:{_quote(key)}"
        case Equals(key, value):
            return f"attributes.{_quote(key)}={_quote(value)}"
        case HasPrefix(key, prefix):
            return f"hasPrefix(attributes.{_quote(key)},{_quote(prefix)})"
        case Not(part):
            return f"NOT({_write(part)})"
        case All(parts):
            return " AND ".join(f"({_write(part)})" for part in parts)
        case AnyOf(parts):
            return " OR ".join(f"({_write(part)})" for part in parts)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")
