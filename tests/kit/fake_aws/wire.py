"""How AWS speaks: the query protocol (form in, XML out) and JSON 1.1. Parses calls, renders answers and errors.

Knows no operation and holds no state. What a service of the query protocol says in JSON is in `query_json`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Literal
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from tests.kit.fake_aws.keys import Key

Protocol = Literal["query", "query_json", "json", "promql"]

_NAMESPACES: Final = {
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "cloudwatch": "http://monitoring.amazonaws.com/doc/2010-08-01/",
}
_UNSAFE: Final = re.compile("[&<>]")
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Column(tuple[Any, ...]):
    """A long list of plain values: its XML is made once, and once for each distinct value."""

    @cached_property
    def xml(self) -> str:
        """The items as XML content."""
        members = {item: f"<member>{xml(item)}</member>" for item in set(self)}
        return "".join([members[item] for item in self])


class AwsError(Exception):
    """An error answer: AWS's code, HTTP status and message, and further members of the body."""

    def __init__(self, code: str, status: int, message: str, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.members = members


@dataclass(slots=True)
class Call:
    """One operation that a client asked for, after the signature was checked."""

    service: str
    operation: str
    protocol: Protocol
    region: str
    account_id: str
    caller: Key | None
    parameters: dict[str, Any] = field(repr=False)
    request_id: str

    @property
    def name(self) -> str:
        """Service and operation in the way of IAM, such as "logs:StartQuery"."""
        return f"{self.service}:{self.operation}"

    def text(self, name: str) -> str | None:
        """A parameter as text, None when absent or empty."""
        value = self.parameters.get(name)
        return str(value) if value not in (None, "") else None

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within AWS's bounds. Raises the service's validation error."""
        value = self.parameters.get(name)
        number = default if value in (None, "") else int(value)
        if not low <= number <= high:
            raise self.invalid(f"Value '{number}' at '{name}' failed to satisfy constraint: between {low} and {high}")
        return number

    def items(self, name: str) -> list[Any]:
        """A list parameter; empty when absent."""
        value = self.parameters.get(name)
        return value if isinstance(value, list) else []

    def time_s(self, name: str) -> float | None:
        """A timestamp parameter in epoch seconds."""
        value = self.text(name)
        return None if value is None else epoch_s(value)

    def invalid(self, message: str) -> AwsError:
        """The service's error for a bad parameter."""
        code = "InvalidParameterException" if self.protocol == "json" else "ValidationError"
        return AwsError(code, 400, message)


def iso(time_s: float) -> str:
    """Epoch seconds as AWS writes them in XML."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch_s(text: str) -> float:
    """What botocore writes for a timestamp, in epoch seconds."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def parse_form(body: str) -> dict[str, Any]:
    """`A.member.1.B=x` as {"A": [{"B": "x"}]}."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        if "." not in name:
            tree[name] = value
            continue
        *parents, last = name.split(".")
        node = tree
        for parent in parents:
            child = node.setdefault(parent, {})
            node = child if isinstance(child, dict) else {}
        node[last] = value
    return {name: _listed(value) for name, value in tree.items()}


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    members = node.get("member")
    if isinstance(members, dict) and len(node) == 1:
        return [_listed(members[index]) for index in sorted(members, key=int)]
    return {name: _listed(value) for name, value in node.items()}


def render(call: Call, result: Mapping[str, Any]) -> bytes:
    """A successful answer's body."""
    if call.protocol != "query":
        return json.dumps(result).encode()
    name, namespace = call.operation, _NAMESPACES[call.service]
    return (
        f'<{name}Response xmlns="{namespace}"><{name}Result>{xml(result)}</{name}Result>'
        f"<ResponseMetadata><RequestId>{call.request_id}</RequestId></ResponseMetadata></{name}Response>"
    ).encode()


def render_error(protocol: Protocol, service: str, request_id: str, error: AwsError) -> bytes:
    """An error answer's body, in the service's own format."""
    if protocol == "promql":
        return json.dumps({"status": "error", "errorType": error.code, "error": error.message}).encode()
    if protocol == "json":
        return json.dumps({"__type": error.code, "message": error.message, **error.members}).encode()
    namespace = _NAMESPACES.get(service, _NAMESPACES["sts"])
    fault = "Sender" if error.status < 500 else "Receiver"
    detail = xml({"Type": fault, "Code": error.code, "Message": error.message, **error.members})
    return (
        f'<ErrorResponse xmlns="{namespace}"><Error>{detail}</Error><RequestId>{request_id}</RequestId></ErrorResponse>'
    ).encode()


def xml(value: Any) -> str:
    """A value as XML content: members of a mapping by name, items of a list as `member`; None is left out."""
    if isinstance(value, Column):
        return value.xml
    if isinstance(value, str):
        return escape(_NOT_XML.sub("", value)) if _UNSAFE.search(value) or not value.isprintable() else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{xml(member)}</{name}>" for name, member in value.items() if member is not None)
    if isinstance(value, Sequence):
        return "".join(f"<member>{xml(item)}</member>" for item in value)
    return str(value)
