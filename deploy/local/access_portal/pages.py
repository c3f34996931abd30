"""The page on which a person approves a code: a button a person, no passwords, no scripts. Pure."""

from collections.abc import Iterable
from html import escape

from deploy.local.sign_in_page import page


def approval_page(user_code: str, people: Iterable[str]) -> str:
    """Who approves the code, or that nobody does."""
    buttons = "".join(
        f'<button name="person" value="{escape(person)}">Allow as {escape(person)}</button>' for person in people
    )
    return page(
        "Allow access to your AWS accounts?",
        f"<p>cloudwatch-mcp shows the code <strong>{escape(user_code)}</strong>. Allow it only if you see the same one "
        "there.</p>"
        f'<form method="post" action="/device"><input type="hidden" name="user_code" value="{escape(user_code)}">'
        f'{buttons}<button name="person" value="">Deny</button></form>'
        '<p class="note">Development only: a stand-in for the access portal of IAM Identity Center.</p>',
    )


def code_page() -> str:
    """Where a code is typed in."""
    return page(
        "Enter the code",
        '<form method="get" action="/device"><label>Code <input name="user_code" required></label>'
        "<button>Continue</button></form>",
    )


def outcome_page(*, was_open: bool, is_approved: bool) -> str:
    """What became of it."""
    if not was_open:
        return page("This code does not serve", "<p>It has ended or was used. Start again where you came from.</p>")
    title = "Access allowed" if is_approved else "Access denied"
    return page(title, "<p>You can close this page and go back.</p>")
