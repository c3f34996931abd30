"""The verified user of the current context."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.identity import (
    Principal,
    acting_for,
    current_assertion,
    current_principal,
    derive_user_id,
    find_principal,
)

ALICE = Principal("u-alice", "https://idp.example.com", "alice")
BOB = Principal("u-bob", "https://idp.example.com", "bob")


def test_nobody_is_the_user_until_somebody_was_verified() -> None:
    assert find_principal() is None
    for read in (current_principal, current_assertion):
        with pytest.raises(LookupError):
            read()


def test_the_user_and_the_proof_are_those_of_the_innermost_context() -> None:
    with acting_for(ALICE, b"for-alice"):
        with acting_for(BOB, b"for-bob"):
            assert (current_principal(), current_assertion()) == (BOB, b"for-bob")
        assert (current_principal(), current_assertion()) == (ALICE, b"for-alice")
    assert find_principal() is None


async def test_concurrent_tasks_keep_their_own_users() -> None:
    both_are_in = asyncio.Barrier(2)

    async def act(principal: Principal) -> Principal:
        with acting_for(principal):
            await both_are_in.wait()
            return current_principal()

    assert await asyncio.gather(act(ALICE), act(BOB)) == [ALICE, BOB]


def test_an_exception_ends_the_acting() -> None:
    with pytest.raises(RuntimeError), acting_for(ALICE):
        raise RuntimeError
    assert find_principal() is None


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_different_users_have_different_ids(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (derive_user_id(*one) == derive_user_id(*other)) == (one == other)


def test_moving_a_character_between_issuer_and_subject_changes_the_id() -> None:
    assert derive_user_id("https://a", "bc") != derive_user_id("https://ab", "c")


def test_an_id_is_stable_and_opaque() -> None:
    user_id = derive_user_id("https://idp.example.com", "alice@example.com")
    assert user_id == "u-" + user_id[2:].lower()
    assert len(user_id) == 28
    assert "alice" not in user_id
    assert user_id == derive_user_id("https://idp.example.com", "alice@example.com")
