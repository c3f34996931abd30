"""The service with a portal: it opens its store at the start, keeps it up, and closes it when it stops."""

import stat
from base64 import b64encode
from pathlib import Path

from auth_service.adapters.connection_store.engines import open_database
from auth_service.adapters.connection_store.file_keys import FileKeys
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.domain.store_address import StoreAddress
from tests.kit.connection_values import PORTAL, link
from tests.kit.ports import free_port
from tests.kit.process import child, listening
from tests.kit.tls import CertificateAuthority
from tests.kit.waiting import until

POLICY = """
accounts: {prod: {account_id: "111122223333", role_arn: "arn:aws:iam::111122223333:role/reader"}}
grants: [{groups: [ops], accounts: [prod]}]
"""


async def test_a_service_with_a_portal_keeps_its_store_in_order(tmp_path: Path) -> None:
    authority, port, file = CertificateAuthority(tmp_path), free_port(), tmp_path / "data" / "connections.db"
    issued = authority.issue("auth-service")
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "1.key").write_bytes(b64encode(bytes(32)))
    database = open_database(StoreAddress(f"sqlite:///{file}"))
    await database.migrate()
    store = SqlConnectionStore(database, FileKeys(tmp_path / "keys"))
    await store.add_link(link(expires_at_s=1.0))
    environment = {
        "AUTH_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "AUTH_TLS_CERT_FILE": str(issued.cert_file),
        "AUTH_TLS_KEY_FILE": str(issued.key_file),
        "AUTH_TLS_CA_FILE": str(authority.ca_file),
        "AUTH_POLICY_FILE": str(tmp_path / "policy.yaml"),
        "OAUTH_ISSUER": "https://idp.example",
        "OAUTH_AUDIENCE": "https://mcp.example/mcp",
        "AWS_IDENTITY_CENTER_START_URL": PORTAL.start_url,
        "AWS_IDENTITY_CENTER_REGION": PORTAL.region,
        "AUTH_CONNECT_URL": "https://mcp.example.com/connect",
        "AUTH_CONNECTIONS_URL": f"sqlite:///{file}",
        "AUTH_CONNECTIONS_KEYS_DIR": str(tmp_path / "keys"),
    }
    async with child("auth_service", env=environment, log_file=tmp_path / "log", ready=listening(port)) as service:

        async def is_collected() -> bool:
            return "1 ended records deleted" in service.log()

        await until(is_collected)
        assert await service.stop() == 0, service.tail()
    await database.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["connections.db"]  # closed in order
