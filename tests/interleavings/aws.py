"""AWS as the judge: it knows whose keys are whose, and looks at each request at the moment at which it is sent.

Requests come out of the real client, signed, where the HTTP connection would be. The signature is checked, then whether
the keys may be used for the call that is made: by the books of the test, not by what the product believes.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

from aiobotocore.awsrequest import AioAWSResponse
from botocore.compat import HTTPHeaders

from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.policy import Entitlement
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from tests.interleavings.books import Books, Issue, asking
from tests.interleavings.holds import Holds
from tests.interleavings.people import Terms
from tests.kit.fake_aws.keys import Key, KeyRing
from tests.kit.fake_aws.signature import Signed, authenticate, parse_authorization
from tests.kit.fake_aws.wire import AwsError

_THROTTLED: Final = AwsError("ThrottlingException", 400, "Rate exceeded")
_EXPIRED: Final = AwsError("ExpiredTokenException", 400, "The security token included in the request is expired")
_POLLS_UNTIL_COMPLETE: Final = 2
_HEADERS: Final = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "request"}


@dataclass(slots=True)
class _Query:
    owner: tuple[str, str, str]
    marker: str
    polls: int = 0
    ended: bool = False
    stop_tried: bool = False


@dataclass
class Aws:
    """AWS of one interleaving."""

    holds: Holds
    books: Books
    clock: Callable[[], float]
    issued: dict[str, Issue] = field(default_factory=dict)
    queries: dict[str, _Query] = field(default_factory=dict)
    calls: int = 0
    refused: int = 0
    being_issued: list[Issue] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._keys = KeyRing(self.clock)

    async def issue(self, principal: Principal, entitlement: Entitlement, _token: UserToken) -> AwsCredentials:
        """The strategy of every account: see auth_service.issuance.Strategy."""
        account = entitlement.account
        terms = Terms(account.account_id, account.role_arn, entitlement.permissions)
        issue = Issue(principal.user_id, terms, self.books.count())
        self.books.judge_issuing(issue, self.being_issued)
        self.being_issued.append(issue)
        try:
            outcome = await self.holds.wait("sts")
        finally:
            self.being_issued.remove(issue)
        if outcome != "good":
            reason = Reason.ROLE_REFUSED if outcome == "refused" else Reason.AWS_UNAVAILABLE
            raise ServiceError(reason, "as the test would have it")
        now_s = self.clock()
        key = self._keys.mint(
            account.account_id, account.role_arn, principal.user_id, now_s + account.session_duration_s
        )
        self.issued[key.access_key_id] = issue
        return AwsCredentials(
            key.access_key_id, key.secret_access_key, str(key.session_token), float(key.expires_at_s or 0), now_s
        )

    def expire_keys(self) -> None:
        """End all keys that were given out."""
        self._keys.expire()

    @property
    def forgotten_queries(self) -> list[str]:
        """Queries that run on although nobody so much as tried to stop them."""
        return [query_id for query_id, query in self.queries.items() if not query.ended and not query.stop_tried]

    async def answer(self, request: Any) -> AioAWSResponse:
        """The answer to a request that the real client sends."""
        try:
            operation = _header(request, "X-Amz-Target").rpartition(".")[2]
            if operation == "StopQuery":
                self.queries[json.loads(request.body)["queryId"]].stop_tried = True
            key = self._authenticate(request)
            region = _header(request, "Authorization").split("/")[2]
            ask = asking.get()
            self.books.judge_sending(ask, self.issued[key.access_key_id], operation, region)
            self.calls += 1
            outcome = await self.holds.wait("aws")
            if outcome == "refused":
                self.refused += 1
                raise _EXPIRED
            if outcome == "down":
                raise _THROTTLED
            owner = key.user_id, key.account_id, region
            return _response(request, 200, self._answer(operation, json.loads(request.body), owner))
        except AwsError as error:
            return _response(request, error.status, {"__type": error.code, "message": error.message})

    def _authenticate(self, request: Any) -> Key:
        parts = urlsplit(request.url)
        headers = {name.title(): _text(value) for name, value in request.headers.items()}
        body = request.body if isinstance(request.body, bytes) else request.body.encode()
        # One dictionary by two spellings: the check looks headers up as AWS writes them and as they were signed.
        both = {"host": parts.netloc, **headers, **{name.lower(): value for name, value in headers.items()}}
        signed = Signed(request.method, parts.path or "/", parts.query, both, body)
        claim = parse_authorization(headers["Authorization"])
        return authenticate(self._keys, claim, signed, "json", verify=True)

    def _answer(self, operation: str, asked: dict[str, Any], owner: tuple[str, str, str]) -> dict[str, Any]:
        match operation:
            case "DescribeLogGroups":
                name = "/".join((*owner, asked["logGroupNamePrefix"]))
                return {"logGroups": [{"logGroupName": name}]}
            case "StartQuery":
                query_id = f"query-{len(self.queries)}"
                self.queries[query_id] = _Query(owner, asked["queryString"])
                return {"queryId": query_id}
            case "GetQueryResults":
                query = self._query(asked["queryId"], owner)
                query.polls += 1
                query.ended = query.ended or query.polls >= _POLLS_UNTIL_COMPLETE
                row = [{"field": "owner", "value": "/".join((*owner, query.marker))}]
                return {"status": "Complete" if query.ended else "Running", "results": [row]}
            case "StopQuery":
                query = self._query(asked["queryId"], owner)
                query.ended = True
                return {"success": True}
        raise LookupError(operation)

    def _query(self, query_id: str, owner: tuple[str, str, str]) -> _Query:
        query = self.queries[query_id]
        if query.owner != owner:
            self.books.violated(f"{owner} asked for a query of {query.owner}")
        return query


def _header(request: Any, name: str) -> str:
    return _text(request.headers[name])


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _response(request: Any, status: int, body: dict[str, Any]) -> AioAWSResponse:
    headers = HTTPHeaders()
    for name, value in _HEADERS.items():
        headers[name] = value
    response = AioAWSResponse(request.url, status, headers, SimpleNamespace())
    response._content = json.dumps(body).encode()
    return response
