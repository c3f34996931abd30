"""Which resources clients are shown. Listing them asks nobody, so that a client that connects costs no AWS call."""

import re
from typing import Final

import mcp_types as types

from mcp_frontend.resources.addresses import ACCOUNTS_ADDRESS, DEFAULT, SCHEME, Kind

MIME_TYPE: Final = "application/json"

RESOURCES: Final = (
    types.Resource(
        uri=ACCOUNTS_ADDRESS,
        name="accounts",
        title="Accounts",
        description="The AWS accounts that the user may ask about",
        mime_type=MIME_TYPE,
    ),
    types.Resource(
        uri=f"{SCHEME}://{DEFAULT}/{DEFAULT}/{Kind.ALARMS}",
        name="active-alarms",
        title="Active alarms",
        description="Alarms in the state ALARM, in the default account and region",
        mime_type=MIME_TYPE,
    ),
    types.Resource(
        uri=f"{SCHEME}://{DEFAULT}/{DEFAULT}/{Kind.LOG_GROUPS}",
        name="log-groups",
        title="Log groups",
        description="The first log groups of the default account and region",
        mime_type=MIME_TYPE,
    ),
)

TEMPLATES: Final = (
    types.ResourceTemplate(
        uri_template=f"{SCHEME}://{{account}}/{{region}}/{Kind.ALARMS}/{{alarm_name}}",
        name="alarm",
        title="Alarm",
        description="An alarm, its last 24 hours and time ranges worth a look",
        mime_type=MIME_TYPE,
    ),
    types.ResourceTemplate(
        uri_template=f"{SCHEME}://{{account}}/{{region}}/{Kind.LOG_GROUPS}/{{log_group_name}}",
        name="log-group",
        title="Log group",
        description="A log group and the queries saved for it",
        mime_type=MIME_TYPE,
    ),
)

_VARIABLE: Final = re.compile(r"\{(\w+)\}")
_VARIABLES: Final = {template.uri_template: _VARIABLE.findall(template.uri_template) for template in TEMPLATES}


def variables_of(uri_template: str) -> list[str]:
    """The variables of one of TEMPLATES; none for any other text."""
    return _VARIABLES.get(uri_template, [])
