"""A few hundred interleavings, and faults that they must find; `python -m tests.interleavings` runs 100,000.

Each fault of `faults.FAULTS` is put into the product for the time of one test.
"""

import pytest

from tests.interleavings.books import Violation
from tests.interleavings.faults import FAULTS
from tests.interleavings.runs import run

SEED = 20_261_124
MOST = 2_000


@pytest.fixture(autouse=True)
def _own_aws_settings(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    caplog.set_level("CRITICAL")


@pytest.mark.timeout(120)
def test_no_interleaving_shows_anybody_what_is_anothers_nor_calls_for_an_ended_sign_in() -> None:
    *_, tally = run(400, SEED)
    assert tally.outcomes["answered"] > 200
    assert tally.ended_under_way > 50
    assert all(tally.evicted[why] for why in ("with their user", "to make room", "idle"))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_product_is_found(fault: str) -> None:
    with FAULTS[fault](), pytest.raises(Violation):
        for _ in run(MOST, SEED, shrink=False):
            pass
