"""The commands `sign`, `verify` and `keys`: who made a version, in the format of OpenSSF Model Signing."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from events.names import BadName, ModelName, Version
from events.wording import is_safe
from master.cli.bucket import bucket_of, target_of
from master.cli.exits import Exit, Failure
from master.cli.output.progress import bar
from master.cli.session import Json, Session
from master.cli.trust import Trust, policy_of

if TYPE_CHECKING:  # cryptography costs start-up time
    from master.cli.publish.signature import Verified
    from service.signatures.policy import Policy
    from service.signatures.provenance import Provenance

PRIVATE_MODE = 0o600
PROVENANCE = "builder=URI,source=URI,commit=SHA"
PROVENANCE_HELP = "write provenance.sig, too: who built it and out of what; source and commit may be missing"


class Action(StrEnum):
    """What `keys` does."""

    NEW = "new"
    SHOW = "show"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What a version is signed with."""

    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", help="the private key, PEM; its password in MM_SIGNING_PASSWORD")
    ]
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="FILE", help="the key's certificate and those above it, PEM"),
    ] = None
    provenance: Annotated[str, typer.Option("--provenance", metavar=PROVENANCE, help=PROVENANCE_HELP)] = ""


As = Annotated[str, typer.Option("--as", metavar="MODEL/VERSION", help="which version it is (default: from its path)")]


def sign(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="one version of a SavedModel")],
    *,
    signing: SigningKey,
    name: As = "",
) -> Exit:
    """Write FOLDER/model.sig: a signature over the name of the version and the SHA-256 of every file.

    Sign last: what is changed or added afterwards is refused. `publish --sign` signs and publishes at once.
    """
    model, version = named(name, folder.absolute().parts)
    was_written, fingerprint = write_signature(session, folder, model, version, signing=signing)
    what = "signed" if was_written else "was signed already, with exactly these files"
    session.screen.say(f"{folder} {what} as {model}/{version} with key {fingerprint[:16]}")
    return Exit.DONE


def verify(
    session: Session,
    what: Annotated[str, typer.Argument(metavar="FOLDER|gs://…", help="a version, on this disk or in a bucket")],
    *,
    trust: Trust,
    name: As = "",
    as_json: Json = False,
) -> Exit:
    """Say who signed a version, after reading every file of it; exit code 1 where nobody whom you believe did."""
    policy = policy_of(session, trust)
    if what.startswith("gs://"):
        model, version, verified = _in_bucket(session, what, policy)
    else:
        model, version, verified = _in_folder(session, Path(what), name, policy)
    if as_json:
        session.screen.json({"model": model, "version": version, **verified.fields})
    else:
        session.screen.say(f"{model}/{version}: {verified}")
    return Exit.DONE


def keys(
    session: Session,
    action: Annotated[Action, typer.Argument(metavar="new|show", help="make a pair of keys, or look at a key")],
    path: Annotated[Path, typer.Argument(metavar="FILE", help="new: NAME makes NAME.key.pem and NAME.pem")],
    *,
    as_json: Json = False,
) -> Exit:
    """Make or show keys that sign versions. With MM_SIGNING_PASSWORD the private one is encrypted."""
    from service.signatures.keys import generate, load_public  # noqa: PLC0415 - see above

    if action is Action.SHOW:
        public = load_public(path)
        if as_json:
            session.screen.json({"fingerprint": public.fingerprint, "curve": public.key.curve.name})
        else:
            session.screen.say(f"{path}: ECDSA on {public.key.curve.name}, fingerprint {public.fingerprint}")
        return Exit.DONE
    key = generate()
    private_path, public_path = path.with_name(f"{path.name}.key.pem"), path.with_name(f"{path.name}.pem")
    _write_new(public_path, key.public.pem)
    _write_new(private_path, key.pem(session.settings.signing_password.encode()), mode=PRIVATE_MODE)
    if as_json:
        files = {"private": str(private_path), "public": str(public_path)}
        session.screen.json({**files, "fingerprint": key.public.fingerprint})
        return Exit.DONE
    session.screen.say(f"private key {private_path}, public key {public_path}, fingerprint {key.public.fingerprint}")
    if not session.settings.signing_password:
        session.screen.note("the private key is not encrypted; with MM_SIGNING_PASSWORD set it would be")
    session.screen.note(f"nodes believe it once {public_path} lies in keys/ of their MM_SIGNATURE_POLICY folder")
    return Exit.DONE


def named(name: str, parts: Sequence[str]) -> tuple[ModelName, Version]:
    """Tell which version is meant: as `--as` says, or by the last two parts of its path."""
    model, _, version = name.rpartition("/") if name else ("/".join(parts[-2:-1]), "/", parts[-1] if parts else "")
    try:
        return ModelName.parse(model), Version.parse(version)
    except BadName as error:
        source = "--as" if name else "the path is not …/MODEL/VERSION"
        advice = "say which version it is: --as MODEL/VERSION"
        raise Failure(f"{source}: {error}", advice=advice, code=Exit.USAGE) from error


def write_signature(
    session: Session, folder: Path, model: ModelName, version: Version, *, signing: SigningKey
) -> tuple[bool, str]:
    """Sign a folder; tell whether a signature was written, and the fingerprint of the key."""
    from master.cli.publish.signature import SigningIdentity, sign_folder  # noqa: PLC0415 - see above
    from service.signatures.certificates import load_all  # noqa: PLC0415 - see above
    from service.signatures.keys import load_private  # noqa: PLC0415 - see above

    provenance = _provenance(signing.provenance) if signing.provenance else None
    key = load_private(signing.key, password=session.settings.signing_password.encode())
    chain = load_all(signing.certificate) if signing.certificate else ()
    with bar(session.screen, "SHA-256", _signed_bytes(folder)) as read:
        identity = SigningIdentity(key, chain)
        was_written = sign_folder(folder, model, version, identity=identity, provenance=provenance, read=read)
    return was_written, key.public.fingerprint


def _provenance(given: str) -> "Provenance":
    """Read what `--provenance` says."""
    from service.signatures.provenance import MAX_SHOWN, Provenance  # noqa: PLC0415 - see above

    fields = dict.fromkeys(("builder", "source", "commit"), "")
    for part in given.split(","):
        name, _, value = part.partition("=")
        if name not in fields or not value or fields[name] or not is_safe(value) or len(value) > MAX_SHOWN:
            raise Failure(f"--provenance has {part!a}; it is {PROVENANCE}", code=Exit.USAGE)
        fields[name] = value
    if not fields["builder"]:
        raise Failure(f"--provenance names no builder; it is {PROVENANCE}", code=Exit.USAGE)
    return Provenance(**fields)


def _signed_bytes(folder: Path) -> int:
    """How much is read to sign a folder, or to check it."""
    from master.cli.publish.folder import size_of  # noqa: PLC0415 - see above
    from service.signatures.statement import OUR_FILES  # noqa: PLC0415 - see above

    return size_of(folder, without=OUR_FILES)


def _in_folder(session: Session, folder: Path, name: str, policy: "Policy") -> "tuple[ModelName, Version, Verified]":
    from master.cli.publish.signature import verify_folder  # noqa: PLC0415 - see above

    model, version = named(name, folder.absolute().parts)
    with _refusing(f"{folder} as {model}/{version}"), bar(session.screen, "SHA-256", _signed_bytes(folder)) as read:
        return model, version, verify_folder(folder, model, version, policy=policy, read=read)


def _in_bucket(session: Session, url: str, policy: "Policy") -> "tuple[ModelName, Version, Verified]":
    from master.cli.publish.signature import Objects, verify_objects  # noqa: PLC0415 - see above

    target = target_of(url)
    model, version = target.model, target.version
    if version is None:
        raise Failure(f"{url} names no version", code=Exit.USAGE)
    bucket = bucket_of(session.settings, target.bucket)
    base = target.folder(version)
    sizes = {name.removeprefix(base): content.size for name, content in bucket.contents(base).items()}
    if not sizes:
        raise Failure(f"there is nothing at {target.url(version)}")
    with _refusing(target.url(version)), bar(session.screen, "SHA-256", sum(sizes.values())) as read:
        objects = Objects(bucket, base, frozenset(sizes))
        return model, version, verify_objects(objects, model, version, policy=policy, read=read)


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Say which version it is that nobody whom we believe has signed."""
    from service.signatures.assess import Untrusted  # noqa: PLC0415 - see above

    try:
        yield
    except Untrusted as error:
        raise Failure(f"{what} is not trusted: {error}") from error


def _write_new(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file that must not be there; a key that is overwritten is lost."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
    except FileExistsError as error:
        raise Failure(f"{path} is there already; take another name, or remove it", code=Exit.USAGE) from error
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from error
