"""Calls of ended sign-ins: refused, or ended while they run; nobody else's."""

import asyncio

import pytest

from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.revocation_gate import RevocationGate
from servicekit.revocations import RevocationList
from tests.unit.servicekit.test_revocations import T, principal, revocation


async def known() -> None:
    """Everything is known."""


class Calls:
    """Calls that run until they are ended."""

    def __init__(self) -> None:
        self.list = RevocationList()
        self.gate = RevocationGate(self.list, known)
        self.cleaned_up: list[str] = []

    async def start(self, user: Principal) -> "asyncio.Task[None]":
        running = asyncio.Event()

        async def call() -> None:
            async with self.gate.passing(user):
                running.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0)  # as what stops a query does
                    self.cleaned_up.append(user.subject)

        task = asyncio.create_task(call())
        await running.wait()
        return task


async def test_a_running_call_is_ended_with_its_reason_and_cleans_up() -> None:
    calls = Calls()
    alice, bob = await calls.start(principal()), await calls.start(principal(subject="bob", token_subject="bob"))
    later = await calls.start(principal(token_issued_at_s=T + 1))
    calls.list.add([revocation()], T)
    with pytest.raises(ServiceError) as caught:
        await alice
    assert caught.value.reason is Reason.TOKEN_REVOKED
    assert calls.cleaned_up == ["alice"]
    assert not bob.done() and not later.done()
    with pytest.raises(ServiceError):
        await _enter(calls)
    for task in (bob, later):
        task.cancel()
    await asyncio.gather(bob, later, return_exceptions=True)


async def _enter(calls: Calls) -> None:
    async with calls.gate.passing(principal()):
        pytest.fail("the call was let in")


async def test_a_callers_own_timeout_and_cancellation_stay_what_they_are() -> None:
    calls = Calls()
    with pytest.raises(TimeoutError):
        async with calls.gate.passing(principal()):
            raise TimeoutError
    task = await calls.start(principal())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nobody_passes_while_it_is_not_known_whose_sign_in_was_ended() -> None:
    async def unknown() -> None:
        raise ServiceError(Reason.UNAVAILABLE, "nobody knows")

    gate = RevocationGate(RevocationList(), unknown)
    with pytest.raises(ServiceError) as caught:
        async with gate.passing(principal()):
            pytest.fail("the call was let in")
    assert caught.value.reason is Reason.UNAVAILABLE


async def test_a_closed_gate_hears_of_nothing() -> None:
    calls = Calls()
    task = await calls.start(principal())
    calls.gate.close()
    calls.list.add([revocation()], T)
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
