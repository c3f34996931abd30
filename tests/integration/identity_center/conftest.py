"""A portal, and replicas that keep connections in one database of SQLite."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from auth_service.adapters.access_portal import AccessPortals
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.connections.accounts import ConnectedAccounts
from auth_service.connections.endings import Endings
from auth_service.connections.tokens import LiveConnections
from auth_service.domain.connections import ClientRegistration, Connection, Owner, PortalRole, PortalTokens
from auth_service.domain.store_address import StoreAddress
from deploy.local.access_portal.sessions import Assignment
from tests.kit.access_portal import FakePortal, fake_portal
from tests.kit.connection_stores import StoreBench, store_bench
from tests.kit.token_desk import ISSUER, Clock

READER = Assignment("111111111111", "payments", "ReadOnlyAccess")
ADMIN = Assignment("111111111111", "payments", "AdministratorAccess")


@dataclass
class Replica:
    """One auth_service, as far as connections go."""

    store: SqlConnectionStore
    client: AccessPortals
    live: LiveConnections
    accounts: ConnectedAccounts
    endings: Endings


class Site:
    """The portal, the database and the clock that all replicas share."""

    def __init__(self, fake: FakePortal, bench: StoreBench, stack: AsyncExitStack) -> None:
        self.fake = fake
        self.bench = bench
        self.clock: Clock = bench.clock
        self._stack = stack
        self.had_dropped: list[str] = []
        self._registration: ClientRegistration | None = None

    async def replica(self) -> Replica:
        """One more."""
        store = await self.bench.store()
        client = await self._stack.enter_async_context(self.fake.client(self.clock))
        live = LiveConnections(store, client, self.fake.portal, clock=self.clock)
        self._stack.push_async_callback(live.close)
        accounts = ConnectedAccounts(live, client, store, self.clock)

        async def have_dropped(owner: Owner) -> None:
            self.had_dropped.append(owner.subject)

        endings = Endings(store, client, self.fake.portal, have_dropped, between_tries_s=0.01)
        self._stack.push_async_callback(endings.close)
        return Replica(store, client, live, accounts, endings)

    async def connect(self, replica: Replica, person: str) -> Connection:
        """The connection that a person has after all pages, with everything on offer chosen."""
        portal, client = self.fake.portal, replica.client
        registration = self._registration = self._registration or await client.register(portal)
        code = await client.start(portal, registration)
        assert self.fake.server.state.decide(code.user_code, person)
        tokens = await client.redeem(portal, registration, code.device_code)
        assert isinstance(tokens, PortalTokens)
        roles = tuple(PortalRole(*vars_of(has)) for has in self.fake.server.state.assignments[person])
        connection = Connection(
            connection_id=f"c-{person}",
            owner=Owner(ISSUER, person),
            portal=portal,
            tokens=tokens,
            version=1,
            created_at_s=self.clock(),
            offered=roles,
            chosen=roles,
        )
        await replica.store.save_connection(connection)
        return connection


def vars_of(has: Assignment) -> tuple[str, str, str]:
    """Its fields in order."""
    return has.account_id, has.account_name, has.role_name


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    address = StoreAddress(f"sqlite:///{tmp_path / 'connections.db'}", None, None)
    people = {"alice": [READER, ADMIN], "bob": [READER]}
    async with store_bench(address) as bench, fake_portal(people, clock=bench.clock) as fake, AsyncExitStack() as stack:
        yield Site(fake, bench, stack)
