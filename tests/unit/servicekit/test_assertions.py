"""Identity assertions: what a forger can try, and how keys come and go."""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from servicekit import assertions
from servicekit.assertions import AssertionVerifier, read_sealed_token, sign
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from tests.kit.gate import Gate

NOW_S = 1_800_000_000
ME = "cloudwatch-service"
ALICE = Principal(
    "u-alice",
    "https://idp.example.com",
    "alice|1",
    "alice@example.com",
    ("ops", "dev"),
    ("aws:cloudwatch",),
    "chat",
    groups_omitted=True,
)
KEY = Ed25519PrivateKey.generate()
OTHER_KEY = Ed25519PrivateKey.generate()


class Clock:
    def __init__(self) -> None:
        self.now_s = float(NOW_S)

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, duration_s: float) -> None:
        """Time passes for the sleeper alone."""
        self.now_s += duration_s


class Keys:
    """What auth_service publishes, and how often it was asked."""

    def __init__(self, **keys: Ed25519PrivateKey) -> None:
        self.published = keys
        self.asked = 0
        self.gate: Gate | None = None
        self.failure: ServiceError | None = None

    async def __call__(self) -> Mapping[str, Ed25519PublicKey]:
        self.asked += 1
        if self.gate is not None:
            await self.gate.passage()
        if self.failure is not None:
            raise self.failure
        return {name: key.public_key() for name, key in self.published.items()}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys() -> Keys:
    return Keys(k1=KEY)


@pytest.fixture
def verifier(keys: Keys, clock: Clock) -> AssertionVerifier:
    return AssertionVerifier(keys, clock=clock, sleep=clock.sleep)


def signed(
    key: Ed25519PrivateKey = KEY, key_id: str = "k1", *, at_s: int = NOW_S, lasts_s: int = 300, audience: str = ME
) -> bytes:
    return sign(ALICE, key=key, key_id=key_id, audience=audience, issued_at_s=at_s, expires_at_s=at_s + lasts_s)


async def test_a_sealed_token_travels_inside_and_is_no_part_of_the_user(verifier: AssertionVerifier) -> None:
    assertion = sign(
        ALICE, key=KEY, key_id="k1", audience=ME, issued_at_s=NOW_S, expires_at_s=NOW_S + 300, sealed_token="sealed"
    )
    assert await verifier.verify(assertion, (ME,)) == ALICE
    assert (read_sealed_token(assertion), read_sealed_token(signed())) == ("sealed", "")


def forged(claims: Mapping[str, Any] | None = None, header: Mapping[str, Any] | None = None, **how: Any) -> bytes:
    """alice's assertion, changed and signed again, by default with the right key."""
    good = jwt.decode(signed(), options={"verify_signature": False})
    full = {name: value for name, value in (good | dict(claims or {})).items() if value is not None}
    headers = {"typ": assertions.TYPE, "kid": "k1", **(header or {})}
    headers = {name: value for name, value in headers.items() if value is not None}
    return jwt.encode(full, how.get("key", KEY), algorithm=how.get("algorithm", "EdDSA"), headers=headers).encode()


def by_hand(header: bytes, payload: bytes, signature: bytes = b"") -> bytes:
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload, signature))


def tampered() -> bytes:
    header, payload, signature = signed().split(b".")
    claims = json.loads(base64.urlsafe_b64decode(payload + b"==")) | {"sub": "u-bob"}
    return b".".join((header, base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"="), signature))


def unsigned(algorithm: str) -> bytes:
    header = json.dumps({"typ": assertions.TYPE, "kid": "k1", "alg": algorithm}).encode()
    return by_hand(header, base64.urlsafe_b64decode(signed().split(b".")[1] + b"=="))


PUBLIC_RAW = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

REFUSED: dict[str, bytes] = {
    "signed by another key": signed(OTHER_KEY),
    "claims changed": tampered(),
    "expired": signed(at_s=NOW_S - 400),
    "expired beyond the leeway": signed(at_s=NOW_S - 305),
    "from the future": signed(at_s=NOW_S + 6),
    "living too long": signed(lasts_s=301),
    "for another audience": signed(audience="mcp-frontend"),
    "for a prefix of ours": signed(audience="cloudwatch"),
    "of another issuer": forged({"iss": "https://idp.example.com"}),
    "without an issuer": forged({"iss": None}),
    "without an audience": forged({"aud": None}),
    "without an end": forged({"exp": None}),
    "without a beginning": forged({"iat": None}),
    "without a user": forged({"sub": None}),
    "of another type": forged(header={"typ": "at+jwt"}),
    "of the usual type": forged(header={"typ": None}),
    "alg none": unsigned("none"),
    "alg nOnE": unsigned("nOnE"),
    "alg Ed25519": unsigned("Ed25519"),
    "HS256 with the public key": forged(key=PUBLIC_RAW, algorithm="HS256"),
    "of an unknown key": signed(key_id="k9"),
    "without a key id": forged(header={"kid": None}),
    "critical extension": forged(header={"crit": ["exp"]}),
    "too long": b"a" * 70_000,
    "empty": b"",
    "no JWS": b"hello",
    "not ASCII": b"\xff\xfe.\xff.\xff",
    "a deeply nested header": by_hand(b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", b"{}"),
}


@pytest.mark.parametrize("assertion", REFUSED.values(), ids=REFUSED.keys())
async def test_a_bad_assertion_is_refused(verifier: AssertionVerifier, assertion: bytes) -> None:
    for _ in range(2):  # what was refused is not remembered as good
        with pytest.raises(ServiceError) as caught:
            await verifier.verify(assertion, (ME,))
        assert caught.value.reason is Reason.ASSERTION_INVALID


async def test_a_good_assertion_names_the_whole_user(verifier: AssertionVerifier) -> None:
    assert await verifier.verify(signed(), (ME,)) == ALICE


@pytest.mark.parametrize("at_s", [NOW_S + 5, NOW_S - 304], ids=["clock behind", "clock ahead"])
async def test_clocks_may_differ_a_little(verifier: AssertionVerifier, at_s: int) -> None:
    assert await verifier.verify(signed(at_s=at_s), (ME,)) == ALICE


async def test_any_of_the_audiences_will_do_and_no_other_later(verifier: AssertionVerifier) -> None:
    assertion = signed()
    assert await verifier.verify(assertion, ("localhost", ME)) == ALICE
    for audiences in (("mcp-frontend",), ()):
        with pytest.raises(ServiceError):
            await verifier.verify(assertion, audiences)


async def test_a_remembered_assertion_ends_with_itself(verifier: AssertionVerifier, clock: Clock) -> None:
    assertion = signed(lasts_s=100)
    await verifier.verify(assertion, (ME,))
    clock.now_s += 106
    with pytest.raises(ServiceError):
        await verifier.verify(assertion, (ME,))


async def test_the_first_hundred_callers_cause_one_fetch(verifier: AssertionVerifier, keys: Keys) -> None:
    keys.gate = Gate()
    calls = [asyncio.create_task(verifier.verify(signed(), (ME,))) for _ in range(100)]
    await keys.gate.arrivals()
    keys.gate.release()
    assert await asyncio.gather(*calls) == [ALICE] * 100
    assert keys.asked == 1


async def test_a_thousand_unknown_keys_cause_one_fetch(keys: Keys, clock: Clock) -> None:
    cooling = Gate()
    verifier = AssertionVerifier(keys, clock=clock, sleep=lambda _: cooling.passage())
    cooling.release()
    await verifier.verify(signed(), (ME,))
    cooling = Gate()
    calls = [asyncio.create_task(verifier.verify(signed(key_id=f"no-{n}"), (ME,))) for n in range(1_000)]
    await cooling.arrivals(1_000)
    assert keys.asked == 1  # nothing while it cools down
    clock.now_s += 0.5
    cooling.release()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {getattr(result, "reason", None) for result in results} == {Reason.ASSERTION_INVALID}
    assert keys.asked == 2


async def test_nobody_waits_longer_than_the_cooldown_when_the_clock_is_set_back(keys: Keys, clock: Clock) -> None:
    slept_s: list[float] = []

    async def sleep(duration_s: float) -> None:
        slept_s.append(duration_s)

    verifier = AssertionVerifier(keys, clock=clock, sleep=sleep)
    await verifier.verify(signed(), (ME,))
    clock.now_s -= 3_600
    with pytest.raises(ServiceError):
        await verifier.verify(signed(key_id="unknown"), (ME,))
    assert max(slept_s) <= 0.5


async def test_a_new_key_works_at_once_for_all_who_come_with_it(
    verifier: AssertionVerifier, keys: Keys, clock: Clock
) -> None:
    await verifier.verify(signed(), (ME,))
    clock.now_s += 2.0
    keys.published["k2"] = OTHER_KEY
    keys.gate = Gate()
    calls = [asyncio.create_task(verifier.verify(signed(OTHER_KEY, "k2"), (ME,))) for _ in range(10)]
    await keys.gate.arrivals()
    keys.gate.release()
    assert await asyncio.gather(*calls) == [ALICE] * 10
    assert await verifier.verify(signed(), (ME,)) == ALICE  # and the old key goes on
    assert keys.asked == 2


async def test_those_who_wait_for_the_cooldown_share_the_fetch_after_it(keys: Keys, clock: Clock) -> None:
    """Also one who wakes when another's fetch is under way already."""
    naps = [Gate(), Gate()]
    left = iter(naps)
    verifier = AssertionVerifier(keys, clock=clock, sleep=lambda _: next(left).passage())
    await verifier.verify(signed(), (ME,))
    keys.published["k2"] = OTHER_KEY
    keys.gate = Gate()
    calls = [asyncio.create_task(verifier.verify(signed(OTHER_KEY, "k2"), (ME,))) for _ in range(2)]
    for nap in naps:
        await nap.arrivals()
    clock.now_s += 0.5
    naps[0].release()
    await keys.gate.arrivals()
    naps[1].release()
    await asyncio.sleep(0)
    keys.gate.release()
    assert await asyncio.gather(*calls) == [ALICE] * 2
    assert keys.asked == 2


async def test_a_withdrawn_key_stops_working_even_for_what_was_remembered(
    verifier: AssertionVerifier, keys: Keys, clock: Clock
) -> None:
    await verifier.verify(signed(), (ME,))
    clock.now_s += 200
    later = signed(at_s=NOW_S + 200)
    assert await verifier.verify(later, (ME,)) == ALICE
    keys.published = {"k2": OTHER_KEY}
    assert await verifier.verify(later, (ME,)) == ALICE  # nobody looked yet
    clock.now_s += 101  # the keys are too old now, the assertion is not
    with pytest.raises(ServiceError):
        await verifier.verify(later, (ME,))


async def test_without_keys_the_reason_is_the_sources_own(verifier: AssertionVerifier, keys: Keys) -> None:
    keys.failure = ServiceError(Reason.UNAVAILABLE, "auth_service cannot be reached")
    with pytest.raises(ServiceError) as caught:
        await verifier.verify(signed(), (ME,))
    assert caught.value.reason is Reason.UNAVAILABLE
    keys.failure = None
    assert await verifier.verify(signed(), (ME,)) == ALICE


async def test_one_who_gives_up_does_not_end_the_fetch_for_the_others(verifier: AssertionVerifier, keys: Keys) -> None:
    keys.gate = Gate()
    first = asyncio.create_task(verifier.verify(signed(), (ME,)))
    await keys.gate.arrivals()
    second = asyncio.create_task(verifier.verify(signed(), (ME,)))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    keys.gate.release()
    assert await second == ALICE
    assert keys.asked == 1


async def test_an_assertion_says_by_what_its_sign_in_may_be_ended(clock: Clock) -> None:
    facts = {"token_subject": "own-sub", "session_id": "s-1", "token_issued_at_s": NOW_S - 60}
    assertion = sign(
        replace(ALICE, **facts), key=KEY, key_id="k1", audience=ME, issued_at_s=NOW_S, expires_at_s=NOW_S + 300
    )
    principal = await AssertionVerifier(Keys(k1=KEY), clock=clock).verify(assertion, (ME,))
    assert {name: getattr(principal, name) for name in facts} == facts
    assert principal == ALICE
