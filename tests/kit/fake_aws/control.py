"""What a test in another process may ask and wish for, under /_control/; unsigned, loopback only.

GET requests, counts, queries, roles. POST reset, fail, throttle, deny, delay, answer, plan, expire (a JSON object of
the arguments of the method of that name).
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

if TYPE_CHECKING:
    from tests.kit.fake_aws.server import FakeAws

PREFIX: Final = "/_control/"
_HIDDEN: Final = frozenset({"web_identity_token"})


async def handle(aws: "FakeAws", request: web.BaseRequest) -> web.Response:
    """Answer one control request."""
    name = request.path.removeprefix(PREFIX)
    if request.method == "GET" and name in _READS:
        return web.json_response(_READS[name](aws))
    if request.method == "POST" and name in _WISHES:
        arguments: dict[str, Any] = json.loads(await request.read() or b"{}")
        try:
            _WISHES[name](aws, arguments)
        except TypeError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({})
    return web.json_response({"error": f"no {request.method} {name}"}, status=404)


def _requests(aws: "FakeAws") -> list[dict[str, Any]]:
    return [asdict(each) for each in aws.requests]


def _counts(aws: "FakeAws") -> dict[str, int]:
    return {f"{account_id} {operation}": count for (account_id, operation), count in aws.request_counts.items()}


def _queries(aws: "FakeAws") -> list[dict[str, Any]]:
    return [asdict(each) | {"is_running": each.is_running} for each in aws.logs.insights.queries.values()]


def _roles(aws: "FakeAws") -> list[dict[str, Any]]:
    return [{name: value for name, value in asdict(each).items() if name not in _HIDDEN} for each in aws.sts.calls]


def _reset(aws: "FakeAws", _arguments: dict[str, Any]) -> None:
    aws.clear_script()
    aws.forget_requests()
    aws.logs.insights.plans.clear()


_READS: Final[dict[str, Callable[["FakeAws"], Any]]] = {
    "requests": _requests,
    "counts": _counts,
    "queries": _queries,
    "roles": _roles,
}
_WISHES: Final[dict[str, Callable[["FakeAws", dict[str, Any]], Any]]] = {
    "reset": _reset,
    "fail": lambda aws, arguments: aws.fail_next(**arguments),
    "throttle": lambda aws, arguments: aws.throttle(**arguments),
    "deny": lambda aws, arguments: aws.deny(**arguments),
    "delay": lambda aws, arguments: aws.delay(**arguments),
    "answer": lambda aws, arguments: aws.answer(**arguments),
    "plan": lambda aws, arguments: aws.logs.plan_queries(**arguments),
    "expire": lambda aws, arguments: aws.sts.expire_keys(**arguments),
}
