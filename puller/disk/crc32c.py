"""CRC32C of bytes, and of a file out of those of its parts, so that ranges can be fetched in any order.

Combining is arithmetic with polynomials over GF(2): a CRC is a remainder, and bytes that follow multiply it by
x to the power of their bits. Bits are reflected, as everywhere with CRC32C: the highest bit of a number is x^0.
"""

from functools import lru_cache

import google_crc32c

_POLYNOMIAL = 0x82F63B78
_ONE = 1 << 31  # x^0
_BYTE = 1 << 23  # x^8


def is_fast() -> bool:
    """Whether the C implementation is there; the one in Python is a thousand times slower."""
    return bool(google_crc32c.implementation == "c")


def extend(crc: int, data: bytes) -> int:
    """The CRC32C of what had `crc`, followed by `data`."""
    return int(google_crc32c.extend(crc, data))


def combine(first: int, second: int, *, second_size: int) -> int:
    """The CRC32C of two parts in a row, the second of which has `second_size` bytes."""
    return _multiply(_shift(second_size), first) ^ second


@lru_cache(maxsize=4096)
def _shift(size: int) -> int:
    power, square = _ONE, _BYTE
    while size:
        if size & 1:
            power = _multiply(power, square)
        square = _multiply(square, square)
        size >>= 1
    return power


def _multiply(left: int, right: int) -> int:
    product = 0
    while left:
        if left & _ONE:
            product ^= right
        left = (left << 1) & 0xFFFFFFFF
        right = (right >> 1) ^ (_POLYNOMIAL if right & 1 else 0)
    return product
