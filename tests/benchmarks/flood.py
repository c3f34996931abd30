"""What a bounded flood of wrong tokens costs: the issuer, other users, CPU and memory; a kind at a time, then all."""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.setting import (
    CALL,
    UNLIMITED_RATE,
    UNLIMITED_REQUESTS,
    Setting,
    cpu_s,
    crowd,
    light_block,
    other_services,
    p50,
    p99,
    resident_bytes,
)
from tests.kit.issuer import ec_key, tamper_signature

AT_A_TIME = 50
TOKENS = 2_000
CALLS = 100
_MESSAGE: Final = {**CALL, "method": "tools/list"}
_MIB: Final = 1 << 20


async def measure(setting: Setting) -> list[str]:
    """Lines for people."""
    lines = []
    frontend = UNLIMITED_REQUESTS | {
        "FRONTEND_MAX_FAILED_SIGN_INS_PER_MINUTE": "0",
        "FRONTEND_MAX_FAILED_SIGN_INS_PER_MINUTE_IN_ALL": "0",
    }
    for name, own in (("no bounds on wrong tokens", frontend), ("as shipped", UNLIMITED_REQUESTS)):
        overrides = {"cloudwatch_service": UNLIMITED_RATE, "mcp_frontend": own}
        async with other_services(setting, overrides) as other:
            lines += [f"{AT_A_TIME} wrong tokens at a time, {name}:", *await _all_kinds(other)]
    return lines


async def _all_kinds(setting: Setting) -> list[str]:
    kinds = await asyncio.to_thread(_wrong_tokens, setting)
    kinds["all of them"] = [token for tokens in zip(*kinds.values(), strict=False) for token in tokens]
    await light_block(setting, 20)
    return [await _one_kind(setting, name, tokens) for name, tokens in kinds.items()]


async def _one_kind(setting: Setting, name: str, tokens: list[str]) -> str:
    alone = await light_block(setting, CALLS)
    fetched = setting.issuer.fetches.total()
    front, auth = setting.services["mcp_frontend"], setting.services["auth_service"]
    used, held = (cpu_s(front), cpu_s(auth)), (resident_bytes(front), resident_bytes(auth))
    log_file = Path(setting.deployment.directory) / f"{name.replace(' ', '-')}.log"
    begun = time.perf_counter()
    async with crowd(setting, log_file, tokens=tokens, message=_MESSAGE, at_a_time=AT_A_TIME) as answered:
        beside = await light_block(setting, CALLS)
        seconds = time.perf_counter() - begun
    refused = sum(answered.values())
    cpu = [(cpu_s(service) - before) / refused * 1e3 for service, before in zip((front, auth), used, strict=True)]
    grown = [(resident_bytes(service) - before) / _MIB for service, before in zip((front, auth), held, strict=True)]
    return (
        f"  {name}: {refused / seconds:.0f}/s answered {dict(sorted(answered.items()))}; the issuer was asked "
        f"{setting.issuer.fetches.total() - fetched} times; a valid user's p99 {p99(beside):.0f} ms, alone "
        f"{p99(alone):.0f} ms, p50 {p50(beside):.0f} ms, alone {p50(alone):.0f} ms; CPU of a wrong token and the "
        f"user's share: {cpu[0]:.2f} ms mcp_frontend, {cpu[1]:.2f} ms auth_service; memory "
        f"{grown[0]:+.1f} MiB, {grown[1]:+.1f} MiB"
    )


def _wrong_tokens(setting: Setting) -> dict[str, list[str]]:
    right: dict[str, Any] = {"sub": "mallory", "aud": setting.deployment.mcp_url, "exp": int(time.time()) + 3_600}
    mint, foreign, numbers = setting.issuer.mint, ec_key("foreign"), range(TOKENS)
    good = mint(right)
    return {
        "random": [f"random{number}" for number in numbers],
        "one and the same": [tamper_signature(good)],
        "unknown keys": [mint({**right, "jti": str(n)}, {"kid": f"unheard-of-{n}"}, key=foreign) for n in numbers],
        "wrong signatures": [f"{good[: good.rindex('.') + 1]}{n:0>341}A" for n in numbers],
        "expired": [mint({**right, "iat": 1_700_000_000, "exp": 1_700_000_600 + n}) for n in range(TOKENS // 4)],
        "huge": [mint({**right, "jti": "x" * 11_000}) + str(n) for n in range(TOKENS // 10)],
    }
