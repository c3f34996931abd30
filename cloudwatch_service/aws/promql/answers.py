"""Reads the bodies of CloudWatch's PromQL API: {status, data, errorType, error, warnings, infos}. It calls nothing.

AWS's other services have other words for an error, so botocore would lose those of a syntax error.
tests/contract/test_botocore_promql.py pins what is relied on.
"""

import json
from typing import Any, Final

from aiobotocore.parsers import AioRestJSONParser
from botocore.parsers import ResponseParserError

MAX_ANSWER_BYTES: Final = 4 << 20
"""JSON cannot be read in pieces, and while it is read nobody else's calls go on: some 50 ms for as much as this."""


class AnswerTooLargeError(ResponseParserError):
    """An answer has more bytes than this process reads."""


class PromqlParser(AioRestJSONParser):
    """The parser of botocore's rest-json protocol, with the errors of this API."""

    def _do_error_parse(self, response: dict[str, Any], shape: Any) -> dict[str, Any]:
        error: dict[str, Any] = super()._do_error_parse(response, shape)  # type: ignore[misc] # has no types
        body = self._parse_body_as_json(response["body"])
        if "error" in body:
            error["Error"] = {"Code": str(body.get("errorType", "")), "Message": str(body["error"])}
        return error

    def _parse_body_as_json(self, body_contents: bytes) -> dict[str, Any]:
        """The body's object; what is none, such as a proxy's page, becomes the message of an error."""
        if len(body_contents) > MAX_ANSWER_BYTES:
            raise AnswerTooLargeError(f"the answer has {len(body_contents)} bytes")
        try:
            parsed = json.loads(body_contents or b"{}")
        except (ValueError, RecursionError):
            parsed = None
        return parsed if isinstance(parsed, dict) else {"message": body_contents.decode(errors="replace")}
