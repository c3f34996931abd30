from pathlib import Path

import pytest

from deploy.local import configuration
from deploy.local.configuration import MisconfiguredError


def test_everything_has_a_default() -> None:
    chosen = configuration.read({})
    assert chosen == configuration.Configuration("us-east-1", None, None, None, {})


def test_children_get_little_of_the_environment() -> None:
    chosen = configuration.read(
        {
            "PATH": "/bin",
            "HOME": "/home/me",
            "LOG_LEVEL": "debug",
            "OTEL_SERVICE_NAME": "x",
            "AUTH_GRACE_PERIOD_S": "3",
            "OTHER_GRACE_PERIOD_S": "3",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "GITHUB_TOKEN": "secret",
        }
    )
    assert set(chosen.for_children) == {"PATH", "HOME", "LOG_LEVEL", "OTEL_SERVICE_NAME", "AUTH_GRACE_PERIOD_S"}


def test_an_aws_of_ones_own(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.touch()
    environment = {
        "AWS_ENDPOINT_URL": "https://aws.example.com",
        "AUTH_POLICY_FILE": str(policy),
        "AWS_PROFILE": "dev",
        "AWS_REGION": "eu-central-1",
    }
    chosen = configuration.read(environment)
    assert chosen.region == "eu-central-1"
    assert chosen.aws == configuration.ExternalAws("https://aws.example.com", policy, {"AWS_PROFILE": "dev"})


def test_secrets_do_not_show() -> None:
    aws = configuration.ExternalAws("x", Path("y"), {"AWS_SECRET_ACCESS_KEY": "hush"})
    assert "hush" not in repr(aws)


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"AWS_ENDPOINT_URL": "http://x"}, "AUTH_POLICY_FILE"),
        ({"AWS_ENDPOINT_URL": "http://x", "AUTH_POLICY_FILE": "/nowhere.yaml"}, "AUTH_POLICY_FILE"),
        ({"OAUTH_ISSUER": "https://idp.example.com"}, "OAUTH_AUDIENCE"),
        ({"CLOUDWATCH_MCP_PORT": "http"}, "CLOUDWATCH_MCP_PORT"),
        ({"CLOUDWATCH_MCP_PORT": "0"}, "CLOUDWATCH_MCP_PORT"),
        ({"CLOUDWATCH_MCP_PORT": "65536"}, "CLOUDWATCH_MCP_PORT"),
    ],
)
def test_what_cannot_be_is_named(environment: dict[str, str], variable: str) -> None:
    with pytest.raises(MisconfiguredError, match=variable):
        configuration.read(environment)
