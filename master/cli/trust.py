"""Whom a command believes: a node's policy folder, or keys and authorities that are named one by one."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from master.cli.exits import Exit, Failure
from master.cli.session import Session

if TYPE_CHECKING:  # cryptography costs start-up time
    from service.signatures.policy import Policy


@dataclass(frozen=True, slots=True)
class Trust:
    """The options that say by what a signature is checked."""

    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FOLDER", help="a node's policy folder (default: MM_SIGNATURE_POLICY)"),
    ] = None
    keys: Annotated[
        list[Path] | None, typer.Option("--key", metavar="FILE", help="a public key that may sign; may be repeated")
    ] = None
    authorities: Annotated[
        list[Path] | None, typer.Option("--authority", metavar="FILE", help="certificates of an authority")
    ] = None
    identities: Annotated[
        list[str] | None,
        typer.Option("--identity", metavar="PATTERN", help="who may sign with a certificate of that authority"),
    ] = None
    any_subject: Annotated[
        bool, typer.Option("--any-subject", help="take a signature that names something else than MODEL/VERSION")
    ] = False


def policy_of(session: Session, trust: Trust) -> "Policy":
    """Put together what is believed; `Failure` where nothing is named."""
    from service.signatures.certificates import load_all  # noqa: PLC0415 - see above
    from service.signatures.keys import load_public  # noqa: PLC0415 - see above
    from service.signatures.policy import Policy, Rule, load  # noqa: PLC0415 - see above

    if trust.keys or trust.authorities:
        if trust.policy:
            raise Failure("--policy says all of what is believed; leave out --key and --authority", code=Exit.USAGE)
        rule = {"identities": trust.identities or (), "subject": "any" if trust.any_subject else "version"}
        return Policy(
            keys={str(path): load_public(path) for path in trust.keys or ()},
            authorities=tuple(one for path in trust.authorities or () for one in load_all(path)),
            rules=(Rule.model_validate(rule),),
        )
    if not (folder := trust.policy or session.settings.signature_policy):
        raise Failure("whom to believe is not said: give --key, --authority or --policy", code=Exit.USAGE)
    return load(Path(folder))
