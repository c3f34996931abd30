"""The product where AWS Labs' distribution does not hold the file that it should."""

from pathlib import Path

from tests.e2e.conftest import Person
from tests.kit.services import Deployment


async def test_the_product_starts_warns_and_says_what_it_lacks(
    tmp_path: Path, deployment: Deployment, alice: Person
) -> None:
    hidden = tmp_path / "first-on-the-path"
    metadata = hidden / "awslabs_cloudwatch_mcp_server-99.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: awslabs.cloudwatch-mcp-server\nVersion: 99\n")
    deployment.overrides["cloudwatch_service"] = {"PYTHONPATH": str(hidden)}
    async with deployment.running():
        own = await alice.answer("get_metric_metadata", namespace="AWS/ES", metric_name="ClusterStatus.red")
        missing = await alice.call("get_metric_metadata", namespace="AWS/Lambda", metric_name="Duration")
    assert own["unit"] == "Count"
    assert missing["structuredContent"] == {"result": None}
    assert not missing.get("isError")
    assert "lacks a part of its metric catalog" in missing["content"][0]["text"]
    log = (deployment.directory / "cloudwatch_service.log").read_text()
    assert log.count("metric catalog: only") == 1
