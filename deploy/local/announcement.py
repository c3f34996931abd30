"""How a running stack describes itself: to programs in stack.json, to a person in a few lines. Pure."""

from collections.abc import Mapping
from typing import Any

from deploy.local.accounts import OBSERVERS, READABLE_ACCOUNTS
from deploy.local.certificates import CertificateFiles
from deploy.local.people import DEVELOPMENT_USERS, User
from deploy.local.portal import ASSIGNMENTS


def certificate_paths(files: CertificateFiles) -> dict[str, Any]:
    """The certificate files as stack.json lists them."""
    peers = {name: {"cert": str(peer.cert_file), "key": str(peer.key_file)} for name, peer in files.peers.items()}
    return {"ca": str(files.ca_file)} | peers


def people() -> dict[str, Any]:
    """Who can sign in at the embedded identity provider, and what they may read."""
    return {user.username: _person(user) for user in DEVELOPMENT_USERS}


def what_next(description: Mapping[str, Any], took_s: float) -> str:
    """What a person can do with the stack now."""
    up = "CloudWatch MCP is up" if description["services"] else "The AWS and the identity provider alone are up"
    lines = [
        "",
        f"{up}, {took_s:.1f} s after the start.",
        "",
        f"  MCP endpoint       {description['mcp_url']}{'' if description['services'] else '  (reserved)'}",
        f"  identity provider  {description['issuer']}",
        f"  AWS                {description['aws_endpoint_url']}",
        f"  logs               {description['logs']}",
        "",
        *(_suggestions(description) if description["services"] else ["  make token USER=alice   a bearer token"]),
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


def _person(user: User) -> dict[str, Any]:
    return {
        "subject": user.subject,
        "email": user.email,
        "name": user.full_name,
        "groups": list(user.groups),
        "accounts": [account.alias for account in READABLE_ACCOUNTS if {account.group, OBSERVERS} & {*user.groups}],
        "limited": OBSERVERS in user.groups,
        "connects": user.username in ASSIGNMENTS,
    }


def _suggestions(description: Mapping[str, Any]) -> list[str]:
    url = description["mcp_url"]
    challenge = f"  curl -i {url}   what a client without a token is told"
    if not description["users"]:
        return [challenge, "  Sign in at your own identity provider for a token."]
    return [
        "Try, in another terminal:",
        *(f"  make ask USER={name:<8} {_outlook(person)}" for name, person in description["users"].items()),
        "  make token USER=alice   a bearer token for your own client, good for an hour",
        "  make revoke USER=alice  ends alice's sign-ins: her tokens are refused, also where they are in use",
        challenge,
    ]


def _outlook(person: Mapping[str, Any]) -> str:
    accounts = ", ".join(person["accounts"])
    if not accounts and person["connects"]:
        return "is given a link, by which she connects her own AWS sign-in once; then she sees her account"
    if not accounts:
        return "is signed in, and refused: no AWS account"
    return f"sees the account {accounts}" + (", but no logs: refused there" if person["limited"] else "")
