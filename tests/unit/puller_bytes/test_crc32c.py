"""CRC32C of parts and wholes."""

from hypothesis import given
from hypothesis import strategies as st

from puller.disk import crc32c


def test_c_implementation_is_there() -> None:
    """The installed CRC32C is the fast one, and the standard's check value comes out."""
    assert crc32c.is_fast()
    assert crc32c.extend(0, b"123456789") == 0xE3069283


@given(st.binary(max_size=3000), st.binary(max_size=3000))
def test_parts_combine_to_the_whole(first: bytes, second: bytes) -> None:
    """Combining the CRC32Cs of two parts gives that of both in a row."""
    whole = crc32c.extend(0, first + second)
    assert crc32c.combine(crc32c.extend(0, first), crc32c.extend(0, second), second_size=len(second)) == whole


def test_combines_parts_of_gigabytes() -> None:
    """Sizes beyond 32 bits work: zeros after a part, one at once or in two halves, give the same."""
    start, zeros = crc32c.extend(0, b"model"), crc32c.extend(0, bytes(1 << 20))
    size, crc = 1 << 20, zeros
    while size < 1 << 34:
        crc, size = crc32c.combine(crc, crc, second_size=size), size * 2
    halves = crc
    for _ in range(2):
        start = crc32c.combine(start, halves, second_size=size)
    doubled = crc32c.combine(halves, halves, second_size=size)
    assert start == crc32c.combine(crc32c.extend(0, b"model"), doubled, second_size=2 * size)
