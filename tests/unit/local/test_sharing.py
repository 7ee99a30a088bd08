"""The demo's act for two nodes: what is said of where their bytes came from."""

import pytest

from infra.local.sharing import Got, sum_up
from infra.local.waiting import DemoFailed

MIB = 1024 * 1024


def test_each_node_says_its_shares() -> None:
    """Per cent of each node, and what came over the line."""
    one, other = Got("node-1", 24 * MIB, 40 * MIB), Got("node-2", 40 * MIB, 24 * MIB)
    assert one.words == "node-1 has 38 % from the bucket and 62 % from its neighbour"
    assert other.words == "node-2 has 62 % from the bucket and 38 % from its neighbour"
    assert sum_up([one, other]) == "64.0 MiB came from the bucket for a version of 64.0 MiB on 2 nodes"


def test_nodes_that_did_not_share_fail_the_demo() -> None:
    """Both fetched everything: the demo does not show what it says."""
    with pytest.raises(DemoFailed, match=r"128\.0 MiB came from the bucket for a version of 64\.0 MiB"):
        sum_up([Got("node-1", 64 * MIB, 0), Got("node-2", 64 * MIB, 0)])
