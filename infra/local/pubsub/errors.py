"""The reasons for which the broker turns a call down; the server maps each to its gRPC status code."""


class Refused(Exception):
    """A call is turned down; the text is what the caller reads."""


class NotFound(Refused):
    """The named topic or subscription does not exist."""


class AlreadyExists(Refused):
    """The named topic or subscription exists already."""


class InvalidArgument(Refused):
    """The request is not one that Pub/Sub would take."""


class OutOfRange(Refused):
    """A number is outside of what Pub/Sub allows."""


class Unsupported(Refused):
    """Google's service can do this, the embedded server does not."""


class NotAllowed(Refused):
    """The caller may not do this from where it stands."""
