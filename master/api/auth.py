"""Who may do what: bearer tokens, of which only hashes are known, each with a name and a role.

A line a token, `name:role:sha256-of-the-token-in-hex`, and for an operator of some models alone `:team-a-*|team-b-*`
behind it, in `MM_TOKENS` or in the file `MM_TOKENS_FILE`
(`model-manager token` makes them). The name stands in the history for what is done with the token. The file is read
again when it changes, so that a token is let in or out at once. With no token configured only this host itself is
answered, as admin.
"""

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import SecretStr

from service import logs
from service.errors import BadSettings

log = logs.get("master.auth")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}", re.ASCII)
_PATTERN = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,128}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
Mark = tuple[int, int, int]  # inode, size and time of change of the file
UNREAD: Mark = (-1, -1, -1)
_LOCAL_NAMES = frozenset({"localhost", "ip6-localhost"})


class Role(StrEnum):
    """What a token allows; each includes those before it."""

    VIEWER = "viewer"  # reads
    OPERATOR = "operator"  # changes what is served, sends commands
    ADMIN = "admin"  # changes what the fleet is

    def includes(self, other: "Role") -> bool:
        """Tell whether whoever has this role has the other, too."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    name: str
    role: Role
    models: tuple[str, ...] = ()  # patterns of the models it may change; none: all

    def may_change(self, model: str | None) -> bool:
        """Tell whether the token's patterns let it change a model, or all models at once (None)."""
        return not self.models or (model is not None and any(fnmatchcase(model, one) for one in self.models))


LOCAL = Caller("local", Role.ADMIN)


class Tokens:
    """The tokens that are known: those of the settings, and those that the file holds now."""

    def __init__(self, fixed: dict[str, Caller], file: Path | None = None) -> None:
        self._fixed = fixed
        self._file = file
        self._callers = fixed
        self._mark: Mark | None = UNREAD

    def __len__(self) -> int:
        return len(self._callers)

    def read(self) -> None:
        """Read the file, if there is one and it has changed; `BadSettings` says why it cannot be taken."""
        if self._file is None or (mark := _mark(self._file)) == self._mark:
            return
        self._mark = mark
        callers = self._fixed | _read(self._file)
        if not callers:
            words = "holds no token; leave the variable out to answer this host only"
            raise BadSettings(f"MM_TOKENS_FILE {self._file} {words}")
        self._callers = callers

    def find(self, token: str) -> Caller | None:
        """Tell whose token this is; looks at all entries, so that the time taken tells nothing."""
        try:
            self.read()
        except BadSettings as error:  # told once for each change of the file
            reason = str(error)
            log.error("token file not taken; the tokens before go on", reason=reason)  # noqa: TRY400 - it is no bug
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        found = None
        for known, caller in self._callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def load(tokens: SecretStr, file: Path | None) -> Tokens:
    """Read the tokens that are configured; `BadSettings` names the entry that is wrong, without showing its hash."""
    known = Tokens(_parse(tokens.get_secret_value(), source="MM_TOKENS"), file)
    known.read()
    return known


def is_local(client: str, host: str) -> bool:
    """Tell whether a request is from this host, and meant for it: a browser can be made to bring others' here."""
    name = host.rsplit(":", 1)[0] if re.search(r":\d+$", host) else host
    return _is_loopback(client) and is_this_host(name)


def is_this_host(name: str) -> bool:
    """Tell whether a name, or an address, stands for this host alone."""
    return name.lower() in _LOCAL_NAMES or _is_loopback(name.strip("[]"))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _mark(file: Path) -> Mark | None:
    """What changes with the file's content; None where there is no file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read(file: Path) -> dict[str, Caller]:
    source = f"MM_TOKENS_FILE {file}"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{source} cannot be read: {error}") from error
    return _parse(text, source=source)


def _parse(text: str, *, source: str) -> dict[str, Caller]:
    lines = [line.strip() for line in text.replace(",", "\n").splitlines()]
    callers: dict[str, Caller] = {}
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        caller, digest = _split(line, where=f"{source}, entry {number}")
        if digest in callers:
            raise BadSettings(f"{source}, entry {number}: the token of {callers[digest].name} stands there twice")
        callers[digest] = caller
    return callers


def _split(line: str, *, where: str) -> tuple[Caller, str]:
    name, role, digest, *bound = line.split(":") if 2 <= line.count(":") <= 3 else ("", "", "")
    if not digest:
        words = "write name:role:sha256 of the token, and behind it :patterns of models where it is bounded"
        raise BadSettings(f"{where}: {words} (`model-manager token` makes such a line)")
    if not _NAME.fullmatch(name):
        raise BadSettings(f"{where}: {name[:40]!a} is no name (letters, digits, '.', '_', '@' or '-')")
    if role not in list(Role):
        raise BadSettings(f"{where}: {role[:40]!a} is no role; there are {', '.join(Role)}")
    if not _DIGEST.fullmatch(digest.lower()):
        raise BadSettings(f"{where}: the third part is not a SHA-256 in hex (64 characters), but must not be the token")
    return Caller(name, Role(role), _patterns(bound, role, where=where)), digest.lower()


def _patterns(bound: list[str], role: str, *, where: str) -> tuple[str, ...]:
    """Read which models a token is bounded to; a bound that says nothing must not open everything."""
    if not bound:
        return ()
    patterns = tuple(bound[0].split("|"))
    if role != Role.OPERATOR:
        raise BadSettings(f"{where}: only an operator's token is bounded to models")
    if wrong := [one for one in patterns if not _PATTERN.fullmatch(one)]:
        raise BadSettings(f"{where}: {wrong[0][:40]!a} is no pattern of models (team-a-*, with | between several)")
    return patterns
