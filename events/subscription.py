"""What a node's Pub/Sub subscription is: its name, its filter, its times.

The puller makes the subscription where it is missing, and so does whoever sets a project up beforehand: both must mean
the same, or one would replace what the other made.
"""

import hashlib
import re
from typing import Final

from events import resources
from events.names import NodeName

ACK_SECONDS: Final = 10  # the least there is; far more than taking a message needs
RETENTION_SECONDS: Final = 3600  # older messages say nothing that the listing after a gap does not
RETRY_SECONDS: Final = (1, 60)
EXPIRY_DAYS: Final = 31  # a node that was away for longer makes a new one, and looks at the whole bucket
OWN_FILTER: Final = 'attributes.eventType = "OBJECT_FINALIZE"'
MAX_FILTER_BYTES: Final = 256  # Pub/Sub's limit
MAX_NAME: Final = 255  # characters, Pub/Sub's limit
DELETED_TOPIC: Final = "_deleted-topic_"  # what a subscription is left with; it never receives anything again

_FORBIDDEN = re.compile(r"[^A-Za-z0-9._~+%-]", re.ASCII)


def name(topic: str, node: NodeName) -> str:
    """Join the topic's own name and the node to a valid name.

    What does not fit is cut and kept apart from others by a hash.
    """
    joined = f"{resources.short(topic)}-{node}"
    cleaned = _FORBIDDEN.sub("-", joined)
    if cleaned == joined and len(joined) <= MAX_NAME:
        return joined
    mark = hashlib.sha256(joined.encode()).hexdigest()[:10]
    return f"{cleaned[: MAX_NAME - len(mark) - 1]}-{mark}"


def is_outdated(filter_found: str, prefix: str) -> bool:
    """Tell whether a subscription has a filter of ours, but not the one it needs; somebody else's is left as it is."""
    return filter_found.startswith(OWN_FILTER) and filter_found != filter_of(prefix)


def filter_of(prefix: str) -> str:
    """Write the filter; the prefix is left out where Pub/Sub's limit would not take it."""
    quoted = prefix.replace("\\", "\\\\").replace('"', '\\"')
    narrow = f'{OWN_FILTER} AND hasPrefix(attributes.objectId, "{quoted}")'
    return narrow if prefix and len(narrow.encode()) <= MAX_FILTER_BYTES else OWN_FILTER
