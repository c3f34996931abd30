"""JSON 1.0 as newer SDKs speak it to services of the query protocol, CloudWatch here ("awsQueryCompatible").

Operations know one form only, the query protocol's: every scalar of a call is text, a time in an answer is ISO text.
This module translates, by the shapes of botocore's service model, so that each operation serves both protocols. It
knows no operation itself. Reference: Smithy, "AWS query compatible protocol trait".
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape

from tests.kit.fake_aws.wire import AwsError, epoch_s

CONTENT_TYPE: Final = "application/x-amz-json-1.0"
TARGETS: Final = {"GraniteServiceVersion20100801": "cloudwatch"}
"""The service that a prefix of X-Amz-Target stands for."""


def read(service: str, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON call's parameters in the form of the query protocol."""
    parameters: dict[str, Any] = _as_text(_shape(service, operation, is_input=True), body)
    return parameters


def render(service: str, operation: str, result: Mapping[str, Any]) -> bytes:
    """A successful answer's body."""
    return json.dumps(_typed(_shape(service, operation, is_input=False), result)).encode()


def render_error(service: str, error: AwsError) -> tuple[bytes, dict[str, str]]:
    """An error answer's body, which names the error's shape, and the header with the query protocol's own code."""
    fault = "Sender" if error.status < 500 else "Receiver"
    body = {"__type": _error_shapes(service).get(error.code, error.code), "message": error.message, **error.members}
    return json.dumps(body).encode(), {"x-amzn-query-error": f"{error.code};{fault}"}


@lru_cache(maxsize=4)
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


@lru_cache(maxsize=4)
def _error_shapes(service: str) -> dict[str, str]:
    """Names of error shapes by the code that the query protocol has for them."""
    shapes = _model(service).error_shapes
    return {shape.metadata.get("error", {}).get("code", shape.name): shape.name for shape in shapes}


def _shape(service: str, operation: str, *, is_input: bool) -> Shape | None:
    """None for an operation that the model lacks: what it says stays as it is."""
    model = _model(service)
    if operation not in model.operation_names:
        return None
    found = model.operation_model(operation)
    return found.input_shape if is_input else found.output_shape


def _as_text(shape: Shape | None, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_text(_member(shape, name), member) for name, member in value.items()}
    if isinstance(value, list):
        item_shape = _item(shape)
        return [_as_text(item_shape, item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and shape is not None and shape.type_name == "timestamp":
        return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
    return value if value is None else str(value)


def _typed(shape: Shape | None, value: Any) -> Any:
    """None is left out, as in XML; a member that the model does not know stays as it is."""
    if isinstance(value, Mapping):
        members = value.items()
        return {name: _typed(_member(shape, name), member) for name, member in members if member is not None}
    if isinstance(value, list | tuple):
        item_shape = _item(shape)
        return [_typed(item_shape, item) for item in value]
    if isinstance(value, str) and shape is not None:
        return _READ_TEXT.get(shape.type_name, str)(value)
    return value


def _member(shape: Shape | None, name: str) -> Shape | None:
    if isinstance(shape, StructureShape):
        return shape.members.get(name)
    return getattr(shape, "value", None)  # of a map


def _item(shape: Shape | None) -> Shape | None:
    return shape.member if isinstance(shape, ListShape) else None


_READ_TEXT: Final[dict[str, Any]] = {
    "timestamp": epoch_s,
    "integer": int,
    "long": int,
    "double": float,
    "float": float,
    "boolean": lambda text: text == "true",
}
