"""The names of all settings in the environment, so that a mistyped one is told from one that another part reads.

The parts of a host often share one environment, so a name counts as unknown only where no part reads it.
"""

from collections.abc import Collection, Mapping
from typing import Final

from events import wording

PREFIX: Final = "MM_"
MOST_NAMED: Final = 20
MOST_LETTERS: Final = 80

# What not all services read. `tests/unit/test_readme.py` says where a name is missing here.
OF_PARTS: Final = frozenset(
    {
        "MM_ATTEST_KEY",
        "MM_BANDWIDTH_MIB",
        "MM_BILLING_PROJECT",
        "MM_BUCKET",
        "MM_CA_FILE",
        "MM_COMMAND_SECONDS",
        "MM_EXCHANGE",
        "MM_EXCHANGE_MIB",
        "MM_EXCHANGE_PORT",
        "MM_EXCHANGE_TOKEN_FILE",
        "MM_FORGET_LOST_DAYS",
        "MM_GRACE_SECONDS",
        "MM_HEED_PEERS",
        "MM_LOAD_SECONDS",
        "MM_MASTER_URL",
        "MM_MAX_DEPTH",
        "MM_MAX_FILES",
        "MM_MAX_MODEL_GIB",
        "MM_MAX_OBJECT_GIB",
        "MM_MAX_VERSION_GIB",
        "MM_MODELS_DIR",
        "MM_MODEL_CONFIG_FILE",
        "MM_NEW_LOAD_SECONDS",
        "MM_PARALLEL_VERSIONS",
        "MM_PREFIX",
        "MM_PROJECT",
        "MM_PROXY",
        "MM_RELOAD_SECONDS",
        "MM_REQUESTS_PER_SECOND",
        "MM_REQUIRE_ASSETS",
        "MM_RESERVE_MIB",
        "MM_RETENTION",
        "MM_SERVING_ADDRESS",
        "MM_SERVING_CA_FILE",
        "MM_SERVING_CERT_FILE",
        "MM_SERVING_KEY_FILE",
        "MM_SERVING_LOST_SECONDS",
        "MM_SERVING_NAME",
        "MM_SETTLE_SECONDS",
        "MM_SIGNATURES",
        "MM_SIGNATURE_POLICY",
        "MM_SIGNING_PASSWORD",
        "MM_SITE",
        "MM_SMOKE_SECONDS",
        "MM_STAGGER_SECONDS",
        "MM_SUBSCRIPTION",
        "MM_SUBSCRIPTION_DAYS",
        "MM_TOKEN",
        "MM_TOKENS",
        "MM_TOKENS_FILE",
        "MM_TOPIC",
        "MM_TRUSTED_PROXIES",
        "MM_WITHOUT_TOKENS",
    }
)


def unknown(own: Collection[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Name the variables that look like settings and that no part reads, each with what may have been meant.

    `own`: the variables that this service reads. A variable without a value counts as not set.
    """
    strange = sorted(
        name
        for name, value in environment.items()
        if value and name.upper().startswith(PREFIX) and name not in OF_PARTS and name not in own
    )
    return {wording.in_one_line(name, most=MOST_LETTERS): _advice(name, own) for name in strange[:MOST_NAMED]}


def _advice(name: str, own: Collection[str]) -> str:
    words = {variable.removeprefix(PREFIX): variable for variable in sorted(own)}
    close = wording.closest(name.upper().removeprefix(PREFIX), words)
    return f"did you mean {words[close]}?" if close else "--help lists the settings"
