"""What the pages admit at once and in a minute."""

import logging
from contextlib import ExitStack

import pytest

from mcp_frontend.connect.admission import Admission
from servicekit.errors import Reason, ServiceError
from servicekit.refusals import RefusalLog

HERE, THERE = "192.0.2.1", "192.0.2.2"


def admission(**limits: int) -> Admission:
    return Admission(RefusalLog(logging.getLogger("test.refusals")), **limits)


def ask(pages: Admission, address: str) -> None:
    with pages.request(address):
        pass


def test_a_flood_from_one_address_keeps_no_other_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pages = admission(per_minute=3, per_minute_in_all=10)
    for _ in range(3):
        ask(pages, HERE)
    for _ in range(50):
        with pytest.raises(ServiceError) as refused:
            ask(pages, HERE)
    assert refused.value.reason is Reason.TOO_MANY_CALLS
    assert refused.value.retry_after_s is not None and 1 <= refused.value.retry_after_s <= 60
    for _ in range(3):
        ask(pages, THERE)
    assert HERE in str([vars(record) for record in caplog.records])


def test_addresses_of_one_ipv6_network_count_as_one() -> None:
    pages = admission(per_minute=1)
    ask(pages, "2001:db8::1")
    with pytest.raises(ServiceError):
        ask(pages, "2001:db8::2")


def test_all_addresses_together_have_a_limit() -> None:
    pages = admission(per_minute=5, per_minute_in_all=10)
    for number in range(10):
        ask(pages, f"192.0.2.{number}")
    with pytest.raises(ServiceError):
        ask(pages, "192.0.2.200")


def test_places_are_given_back() -> None:
    pages = admission()
    with ExitStack() as under_way:
        for _ in range(64):
            under_way.enter_context(pages.request(HERE))
        with pytest.raises(ServiceError):
            ask(pages, HERE)
        for _ in range(64):
            under_way.enter_context(pages.request(THERE))
        with pytest.raises(ServiceError):
            ask(pages, "192.0.2.3")
    ask(pages, HERE)


def test_streams_are_bounded_by_session_and_given_back_on_failure() -> None:
    pages = admission()
    for _ in range(10):
        with pytest.raises(ZeroDivisionError), pages.stream(HERE, "a"):
            raise ZeroDivisionError
    with ExitStack() as open_streams:
        for _ in range(4):
            open_streams.enter_context(pages.stream(HERE, "a"))
        with pytest.raises(ServiceError), pages.stream(HERE, "a"):
            pass
        open_streams.enter_context(pages.stream(HERE, "b"))
    with pages.stream(HERE, "a"):
        pass
