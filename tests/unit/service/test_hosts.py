"""What a service tells everybody it tells only under names of its own."""

import pytest

from service import settings
from service.health import Health
from service.hosts import is_own, own_names
from service.settings import Settings
from tests.unit.service.test_http import client

NAMES = own_names(
    settings.load(
        Settings,
        {
            "MM_NODE": "node-1.example.com",
            "MM_HTTP_ADVERTISE": "Puller.Lan.example:8001",
            "MM_HTTP_NAMES": "ops.example, *.svc.cluster.local",
        },
    )
)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("", True),
        ("127.0.0.1:8001", True),
        ("10.0.0.1", True),
        ("[::1]:8001", True),
        ("[fe80::1]", True),
        ("localhost:8001", True),
        ("puller-node-a:8001", True),
        ("node-1.example.com:8001", True),
        ("NODE-1.example.com.", True),
        ("puller.lan.example", True),
        ("ops.example:80", True),
        ("a.b.svc.cluster.local:8001", True),
        ("svc.cluster.local", False),
        ("evil.example:8001", False),
        ("127.0.0.1.evil.example", False),
        ("node-1.example.com.evil.example", False),
        ("evilops.example", False),
    ],
)
def test_whose_name_it_is(host: str, is_ours: bool) -> None:
    """Addresses, names without a dot, and what is set; nothing that somebody else could own."""
    assert is_own(host, NAMES) is is_ours


@pytest.mark.parametrize("path", ["/status", "/metrics"])
async def test_a_page_that_leads_its_name_here_reads_nothing(path: str) -> None:
    """A browser on a node is no way to what the node knows."""
    port = client(Health())
    assert (await port.get(path)).status_code == 200
    refused = await port.get(path, headers={"Host": "evil.example:8001"})
    assert refused.status_code == 421
    assert "MM_HTTP_NAMES" in refused.text
    assert (await port.get("/livez", headers={"Host": "evil.example:8001"})).status_code == 200
