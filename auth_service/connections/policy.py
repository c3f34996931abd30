"""The policy in force, about access portals: who may connect, and which of the roles on offer may be used."""

from collections.abc import Callable, Mapping, Sequence

from auth_service.connections.sessions import principal_of
from auth_service.domain.connections import BrowserSession, PortalRole
from auth_service.domain.policy import Policy
from auth_service.domain.portal_accounts import admitted, aliases_of
from servicekit.identity import Principal


class PortalPolicy:
    """Asks the grants."""

    def __init__(self, policy: Callable[[], Policy]) -> None:
        """`policy` returns the one in force."""
        self._policy = policy

    def may_connect(self, principal: Principal) -> bool:
        """Whether any grant lets the person use roles of a portal."""
        return bool(self._policy().connecting(principal))

    def may_start(self, session: BrowserSession) -> bool:
        """Whether this browser may start an attempt: its person may, and came by a link."""
        return session.may_connect and self.may_connect(principal_of(session))

    def aliases(self, principal: Principal, roles: Sequence[PortalRole]) -> Mapping[PortalRole, str]:
        """Those of the roles that the person may use, in order, with the alias that each has among all of them."""
        policy = self._policy()
        names = aliases_of(roles, policy.accounts)
        return {role: names[role] for role in admitted(policy.connecting(principal), roles)}
