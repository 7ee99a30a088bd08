"""The bucket, as every command reaches it: which one an address means, by way of which server, and who pays."""

from typing import TYPE_CHECKING

from master.cli.exits import Exit, Failure
from master.cli.settings import Settings

if TYPE_CHECKING:  # Google's client costs more start-up time than most commands run
    from master.cli.google.storage import GoogleBucket
    from master.cli.publish.target import Target


def bucket_of(settings: Settings, name: str, *, project: str = "") -> "GoogleBucket":
    """Reach a bucket; nothing is asked of it yet."""
    from master.cli.google.storage import GoogleBucket, connect  # noqa: PLC0415 - see above

    client = connect(project, emulator=settings.storage_emulator)
    return GoogleBucket(client, name, billing_project=settings.billing_project)


def target_of(url: str) -> "Target":
    """Read the address of a model or of a version; `Failure` where it is none."""
    from master.cli.publish.target import BadTarget, parse  # noqa: PLC0415 - see above

    try:
        return parse(url)
    except BadTarget as error:
        raise Failure(str(error), code=Exit.USAGE) from error
