"""Stamps the verified user on spans, on each when it starts. Reads the OpenTelemetry context, never the wire."""

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

from servicekit.identity import Principal, find_principal
from servicekit.telemetry import attributes


class PrincipalSpanProcessor(SpanProcessor):
    """Copies `user.id` and `user.roles` of the context's principal; names and e-mail stay out of traces."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Called by the SDK for every span."""
        principal = find_principal(parent_context)
        if principal is not None:
            stamp(span, principal)


def stamp(span: trace.Span, principal: Principal) -> None:
    """Name the user on `span`; by itself for a span that began before the user was verified."""
    span.set_attributes({attributes.USER_ID: principal.user_id, attributes.USER_ROLES: principal.groups})
