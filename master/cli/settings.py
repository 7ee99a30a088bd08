"""What the command takes from the environment beside its options."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses and the token, which stands in no command line: other users of a host could read it there."""

    master_url: str = DEFAULT_URL
    token: str = field(default="", repr=False)
    storage_emulator: str = ""
    pubsub_emulator: str = ""
    proxy: str = field(default="", repr=False)  # on the way to Google; it may hold a password
    ca_file: str = ""
    billing_project: str = ""  # that pays for reading a bucket with requester-pays
    signing_password: str = field(default="", repr=False)
    signature_policy: str = ""


def load(environment: Mapping[str, str]) -> Settings:
    """Read the settings; an empty variable counts as not set."""
    return Settings(
        master_url=environment.get("MM_MASTER_URL") or DEFAULT_URL,
        token=environment.get("MM_TOKEN", "").strip(),
        storage_emulator=environment.get("STORAGE_EMULATOR_HOST", ""),
        pubsub_emulator=environment.get("PUBSUB_EMULATOR_HOST", ""),
        proxy=environment.get("MM_PROXY", ""),
        ca_file=environment.get("MM_CA_FILE", ""),
        billing_project=environment.get("MM_BILLING_PROJECT", ""),
        signing_password=environment.get("MM_SIGNING_PASSWORD", ""),
        signature_policy=environment.get("MM_SIGNATURE_POLICY", ""),
    )
