"""How a node shows its neighbours that it belongs to the site: requests are signed with the site's secret.

The secret itself never goes over the line. A signature is good for one request (the version's fingerprint, the file,
the range) and a few minutes, so who overhears one can get the very bytes again that he overheard, and nothing else.
"""

import hashlib
import hmac
from typing import Final

SCHEME: Final = "MM1"
SKEW_SECONDS: Final = 300  # between two nodes' clocks, and as long as a signature is good
LEAST_SECRET: Final = 16  # characters


def sign(secret: str, target: str, range_header: str, *, at: int) -> str:
    """Return what the header `Authorization` of a request says; `at` is Unix time in seconds."""
    return f"{SCHEME} {at} {_digest(secret, target, range_header, at)}"


def problem(secret: str, authorization: str, target: str, range_header: str, *, now: float) -> str:
    """Say why a request is a stranger's; empty where it is not. Without a secret nobody is a stranger."""
    if not secret:
        return ""
    scheme, _, rest = authorization.partition(" ")
    stated, _, digest = rest.partition(" ")
    if scheme != SCHEME or not (stated.isascii() and stated.isdecimal() and len(stated) <= 12):
        return "requests are signed with the site's secret, MM_EXCHANGE_TOKEN_FILE"
    if not hmac.compare_digest(digest.encode(), _digest(secret, target, range_header, int(stated)).encode()):
        return "the signature is none by this site's secret: MM_EXCHANGE_TOKEN_FILE differs between the nodes"
    if abs(now - int(stated)) > SKEW_SECONDS:
        return f"the clocks of the two nodes differ by more than {SKEW_SECONDS} s, or the request is an old one"
    return ""


def _digest(secret: str, target: str, range_header: str, at: int) -> str:
    words = f"{SCHEME}\n{at}\n{target}\n{range_header}"
    return hmac.new(secret.encode(), words.encode(), hashlib.sha256).hexdigest()
