"""Bounding lists of a result."""

import pytest

from mcp_frontend.tools.bounds import take_fitting

ITEM = {"a": "1234"}  # 13 characters as JSON


@pytest.mark.parametrize(("max_characters", "taken"), [(0, 1), (13, 1), (25, 1), (26, 2), (1_000, 3)])
def test_the_first_that_fit_and_at_least_one(max_characters: int, taken: int) -> None:
    assert take_fitting([ITEM] * 3, max_characters) == [ITEM] * taken


def test_nothing_of_nothing() -> None:
    assert take_fitting([]) == []
