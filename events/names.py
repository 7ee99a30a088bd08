"""The names of things, parsed once where they enter; what carries one of these types is safe to use in a path.

Bucket layout is TensorFlow Serving's own: `[PREFIX/]MODEL/VERSION/file…`. Object names come from whoever may write to
the bucket, so everything that could leave the folder of its version is refused here, with a reason (issue 2).
"""

import re
from dataclasses import dataclass
from typing import Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from events.wording import is_safe

MAX_VERSION = 2**63 - 1
MAX_OBJECT_NAME_BYTES = 1024  # Cloud Storage's own limit
MAX_SEGMENT_BYTES = 255  # what a Linux file name can hold
MAX_DEPTH = 32  # folders below a version
MANIFEST_NAME = "manifest.json"
CONFIG_NAME = "models.config"  # beside the models' folders: what TensorFlow Serving starts with

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,64}", re.ASCII)
_VERSION = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


PLACEHOLDER = "folder placeholder"  # the reason of an object that stands for a folder alone


class BadName(ValueError):
    """A text that is not a valid name of its kind."""


class _Name(str):
    """A text that matched its kind's pattern."""

    __slots__ = ()
    _pattern: re.Pattern[str]
    _rule: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the name, or raise `BadName` with the rule it breaks."""
        if not cls._pattern.fullmatch(text):
            raise BadName(f"{_shown(text)} is not {cls._rule}")
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^{cls._pattern.pattern}$"}


class ModelName(_Name):
    """A model: one folder of the bucket and of the models directory."""

    __slots__ = ()
    _pattern = _MODEL
    _rule = "a model name (1 to 128 letters, digits, '.', '_' or '-', the first a letter or digit)"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the name, or raise `BadName`; the config file's name and what begins so can be no folder's."""
        if text.startswith(CONFIG_NAME):
            raise BadName(f"{_shown(text)} is no model name: {CONFIG_NAME} is a file of the models directory")
        return super().parse(text)


class NodeName(_Name):
    """A host that serves models, as it calls itself (`MM_NODE`)."""

    __slots__ = ()
    _pattern = _NODE
    _rule = "a node name (1 to 253 letters, digits, '.', '_' or '-', the first a letter or digit)"


class Version(int):
    """A version number: int64, not negative, written without sign or leading zeros."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the version, or raise `BadName` with the rule it breaks."""
        if not _VERSION.fullmatch(text):
            raise BadName(f"{_shown(text)} is not a version number (decimal digits, no sign, no leading zero)")
        return cls.check(int(text))

    @classmethod
    def check(cls, number: int) -> Self:
        """Return the number as a version, or raise `BadName` where it is out of range."""
        if not 0 <= number <= MAX_VERSION:
            raise BadName(f"{number} is out of range for a version (0 to {MAX_VERSION})")
        return cls(number)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.check, core_schema.int_schema(strict=True))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "minimum": 0, "maximum": MAX_VERSION, "format": "int64"}


class FileName(str):
    """The path of a file below its version's folder, with '/' between segments; cannot leave that folder."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the name, or raise `BadName` with what is wrong with it."""
        if problem := _path_problem(text):
            raise BadName(f"{_shown(text)} {problem}")
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())


@dataclass(frozen=True, slots=True)
class ObjectPath:
    """What an object is to us: a file of a version of a model. `is_plain`: its folder has no leading zeros."""

    model: ModelName
    version: Version
    file: FileName
    is_plain: bool = True


@dataclass(frozen=True, slots=True)
class Ignored:
    """An object that is no file of a version; `reason` is one of few, fit to count by."""

    reason: str


def locate(object_name: str, prefix: str) -> ObjectPath | Ignored:  # noqa: PLR0911 - one return a reason
    """Tell which file of which version an object is, or why it is none."""
    if not object_name.startswith(prefix):
        return Ignored("outside the prefix")
    path = object_name[len(prefix) :]
    if path.endswith("/"):
        return Ignored(PLACEHOLDER)
    model, _, below = path.partition("/")
    folder, _, file = below.partition("/")
    if not file:
        return Ignored("not inside a version folder")
    if not _MODEL.fullmatch(model) or model.startswith(CONFIG_NAME):
        return Ignored("not a model name")
    version = version_in(folder)
    if version is None:
        return Ignored("not a version number")
    if _path_problem(file):
        return Ignored("unsafe file name")
    return ObjectPath(ModelName(model), version, FileName(file), is_plain=folder == str(version))


def version_in(folder: str) -> Version | None:
    """Tell which version TensorFlow Serving takes a folder for: `007` is 7. None where it passes it over."""
    number = int(folder) if _DIGITS.fullmatch(folder) else MAX_VERSION + 1
    return Version(number) if number <= MAX_VERSION else None


def parse_prefix(text: str) -> str:
    """Return the bucket prefix in the form that object names start with: empty, or ending in one '/'."""
    trimmed = text.strip("/")
    if not trimmed:
        return ""
    if problem := _path_problem(trimmed):
        raise BadName(f"the prefix {_shown(text)} {problem}")
    return f"{trimmed}/"


def _path_problem(path: str) -> str | None:
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    segments = path.split("/")
    problems = {
        f"is longer than {MAX_OBJECT_NAME_BYTES} bytes": size > MAX_OBJECT_NAME_BYTES,
        f"is more than {MAX_DEPTH} folders deep": len(segments) > MAX_DEPTH,
        "has an empty, '.' or '..' segment": not {"", ".", ".."}.isdisjoint(segments),
        f"has a segment longer than {MAX_SEGMENT_BYTES} bytes": any(
            len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments
        ),
        "has a backslash": "\\" in path,
        "has a control character, a mark of direction, or another character that cannot be seen": not is_safe(path),
    }
    return next((problem for problem, is_there in problems.items() if is_there), None)


def _shown(text: str) -> str:
    """Quote a text from outside so that it can neither flood nor forge a log line."""
    return ascii(text if len(text) <= 80 else f"{text[:77]}...")
