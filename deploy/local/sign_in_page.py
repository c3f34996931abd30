"""The development identity provider's sign-in page: one button a person, no passwords, no scripts. Pure."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from deploy.local.people import User

# Nothing is loaded and nobody may frame the page.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 4rem auto; padding: 0 1rem; color: #1d2733 }
button { display: block; width: 100%; margin: .5rem 0; padding: .8rem 1rem; font: inherit; text-align: left;
  border: 1px solid #8fa1b3; border-radius: .4rem; background: #f5f8fb; cursor: pointer }
button:hover, button:focus { background: #e2ecf6 }
small { display: block; color: #51606f }
.note { border-left: .25rem solid #c77700; padding-left: .8rem; color: #51606f }
"""


def sign_in_page(
    client_name: str, scopes: Iterable[str], parameters: Sequence[tuple[str, str]], users: Iterable[User]
) -> str:
    """The page that asks who signs in; a choice repeats the same request with `login_hint`."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in parameters
        if name not in ("login_hint", "prompt")
    )
    buttons = "".join(_button(user) for user in users)
    return page(
        "Sign in",
        f"<p><strong>{escape(client_name)}</strong> asks for: {escape(', '.join(scopes))}</p>"
        f'<form method="get" action="/authorize">{hidden}{buttons}</form>'
        '<p class="note">Development only. These people are made up and need no password.</p>',
    )


def refusal_page(reason: str) -> str:
    """The page for a request whose sender cannot be trusted with a redirect."""
    return page("This sign-in cannot go on", f"<p>{escape(reason)}</p>")


def _button(user: User) -> str:
    groups = ", ".join(user.groups) or "in no group"
    return (
        f'<button name="login_hint" value="{escape(user.username)}">Sign in as {escape(user.username)}'
        f"<small>{escape(user.full_name)}, {escape(user.email)}, {escape(groups)}</small></button>"
    )


def page(title: str, body: str) -> str:
    """A whole page of the development stack. `body` is HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
