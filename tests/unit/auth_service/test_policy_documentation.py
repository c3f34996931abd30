"""What docs/identity/policy.md shows is what the product does: its policies load, its explanation is printed."""

import re
from pathlib import Path
from typing import Final

import pytest

from auth_service.adapters.policy_file import read_policy
from auth_service.domain.accounts import CEILINGS, Account
from auth_service.explain_access import ADMITTED, main
from cloudwatch_service.rpc.permissions import PERMISSIONS
from mcp_frontend.tools import TOOLS
from servicekit.permissions import Permission
from tests.kit.process import REPOSITORY

PAGE: Final = (REPOSITORY / "docs" / "identity" / "policy.md").read_text()
POLICIES: Final = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PARTITIONS: Final = ("aws", "aws-cn", "aws-us-gov")


@pytest.mark.parametrize("number", range(len(POLICIES)))
def test_every_example_is_a_good_policy(tmp_path: Path, number: int) -> None:
    (tmp_path / "policy.yaml").write_text(POLICIES[number])
    assert read_policy(tmp_path / "policy.yaml", {}, PARTITIONS).grants


def test_the_explanation_is_what_the_command_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "policy.yaml").write_text(POLICIES[0])
    shown = re.search(r"^\$ python -m auth_service explain-access (.*?)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert shown is not None
    assert main([*shown[1].split(), "--policy-file", str(tmp_path / "policy.yaml")]) == ADMITTED
    assert capsys.readouterr().out == shown[2]


def test_every_setting_of_an_account_is_in_its_table() -> None:
    for name in set(Account.model_fields) - {"permission_set"}:  # which no file may set
        assert f"| `{name}` |" in PAGE
    for preset in CEILINGS:
        assert f"| `{preset}` |" in PAGE


def test_the_table_of_permissions_names_every_tool_of_each() -> None:
    rows = {row.split("`")[1]: row.split("|")[2] for row in PAGE.splitlines() if row.startswith("| `")}
    for permission in Permission:
        named = set(re.findall(r"`(\w+)`", rows[permission.value]))
        assert named == {tool.name for tool in TOOLS if tool.permission is permission}
    assert {needed for rules in PERMISSIONS.values() for needed in rules.values()} == {None, *Permission}
