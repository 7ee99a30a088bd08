"""What JSON from outside would cost to read, told before it is read. Pure.

Bytes alone bound nothing: two of them can become an object of a hundred. Every value but the first of a list or of an
object stands behind a comma, and the first one behind a bracket, so those are counted, which costs nearly nothing.
Commas within texts are counted too; a bound has room for them.
"""

MIB = 1024**2


def problem(data: bytes, *, most_bytes: int, most_values: int) -> str:
    """Say why this is too big to be read; empty where it is not."""
    if len(data) > most_bytes:
        if most_bytes < MIB:
            return f"too big: {len(data):,} bytes, at most {most_bytes:,}"
        return f"too big: {len(data) / MIB:.1f} MiB, at most {most_bytes / MIB:.1f} MiB"
    count = values(data)
    return f"too big: {count:,} values, at most {most_values:,}" if count > most_values else ""


def values(data: bytes) -> int:
    """Count the values of a JSON text, or a few more."""
    return data.count(b",") + data.count(b"{") + data.count(b"[")
