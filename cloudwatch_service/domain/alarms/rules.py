"""The rule language of composite alarms, as far as the names in it. It must not decide whether a rule is true.

The syntax is that of "Create a composite alarm" in the CloudWatch User Guide: ALARM, OK and INSUFFICIENT_DATA take one
name or ARN, AT_LEAST takes a number, a state and a list of them; quoted names escape quotation marks with a backslash.
"""

import re
from typing import Final

from cloudwatch_service.domain.alarms.arns import parse_alarm

_FUNCTION: Final = re.compile(r"(?<!\w)(?:ALARM|OK|INSUFFICIENT_DATA|(?P<at_least>AT_LEAST))\s*\(", re.IGNORECASE)
_AT_LEAST_HEAD: Final = re.compile(r"[^,()]*,[^,()]*,\s*\(")
_NAME: Final = re.compile(
    r"""\s*(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'|(?P<bare>[^(),]*))\s*""", re.DOTALL
)
_ESCAPED: Final = re.compile(r"""\\(["'\\])""")


def component_names(rule: str) -> list[str]:
    """The names of the alarms in `rule`, in order of appearance, each once; ARNs become names."""
    names: dict[str, None] = {}
    position = 0
    while call := _FUNCTION.search(rule, position):
        position = call.end()
        if call["at_least"]:
            head = _AT_LEAST_HEAD.match(rule, position)
            if head is None:
                continue
            position = head.end()
        found, position = _read_names(rule, position)
        names.update(dict.fromkeys(found))
    return list(names)


def _read_names(rule: str, position: int) -> tuple[list[str], int]:
    """The comma-separated names from `position` on, and where they end."""
    names: list[str] = []
    while match := _NAME.match(rule, position):
        quoted = match["double"] if match["double"] is not None else match["single"]
        text = match["bare"].strip() if quoted is None else _ESCAPED.sub(r"\1", quoted)
        if text:
            names.append(parse_alarm(text).name)
        position = match.end()
        if not rule.startswith(",", position):
            break
        position += 1
    return names, position
