"""Which prompts there are, in the order that clients see."""

from typing import Final

from mcp_frontend.prompts.alarm_investigation import INVESTIGATE_ALARM
from mcp_frontend.prompts.log_errors import FIND_LOG_ERRORS
from mcp_frontend.prompts.metric_explanation import EXPLAIN_METRIC
from mcp_frontend.prompts.prompt import Prompt

PROMPTS: Final[tuple[Prompt, ...]] = (INVESTIGATE_ALARM, EXPLAIN_METRIC, FIND_LOG_ERRORS)

_BY_NAME: Final = {prompt.name: prompt for prompt in PROMPTS}


def find_prompt(name: str) -> Prompt | None:
    """The prompt of that name, or None."""
    return _BY_NAME.get(name)
