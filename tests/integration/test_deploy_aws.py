"""deploy/aws: the templates say what the product needs, and the emulated AWS, with IAM enforced, gives no more."""

import json
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from auth_service.adapters.sts import RoleAssumer, WebIdentity
from auth_service.domain.accounts import Account
from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.role_sessions import ACTIONS
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id
from tests.kit.access import entitled
from tests.kit.issuer import Issuer
from tests.kit.ministack import MiniStack, ministack

TEMPLATES = Path(__file__).parents[2] / "deploy" / "aws"
SERVICE_ACCOUNT, ACCOUNT_ID = "999988887777", "111111111111"
EXTERNAL_ID, AUDIENCE = "deployment-7", "sts.amazonaws.com"
ALICE = Principal(derive_user_id("https://idp.example.com", "alice"), "https://idp.example.com", "alice")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms of its functions."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = "Ref" if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    raise ValueError(suffix)


_Loader.add_multi_constructor("!", _function)


def template(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load((TEMPLATES / f"{name}.yaml").read_text(), _Loader)  # noqa: S506 - a safe loader
    return read


def statements(document: Any) -> Iterator[dict[str, Any]]:
    """All statements of all policies, wherever they are in a template."""
    if isinstance(document, dict):
        yield from document.get("Statement", [])
        for value in document.values():
            yield from statements(value)
    elif isinstance(document, list):
        for value in document:
            yield from statements(value)


NAMES = sorted(path.stem for path in TEMPLATES.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_template_is_complete_and_documented(name: str) -> None:
    read = template(name)
    assert {"AWSTemplateFormatVersion", "Description", "Parameters", "Resources", "Outputs"} == set(read)
    assert f"`{name}.yaml`" in (TEMPLATES / "README.md").read_text()
    assert all(statement["Effect"] == "Allow" and statement["Sid"] for statement in statements(read))


def test_the_permissions_are_what_the_product_asks_for_and_no_more() -> None:
    actions: list[str] = []
    for statement in statements(template("reader-permissions")):
        found = statement["Action"]
        actions += [found] if isinstance(found, str) else found
    assert sorted(actions) == sorted({action for each in ACTIONS.values() for action in each})


def test_every_way_into_a_role_has_conditions() -> None:
    for name in ("reader-assume-role", "reader-web-identity"):
        for statement in statements(template(name)):
            assert statement["Condition"], statement["Sid"]
    assume = next(statements(template("reader-assume-role")))
    web, *others = statements(template("reader-web-identity"))
    assert set(assume["Condition"]["StringLike"]) == {"sts:SourceIdentity", "aws:RequestTag/mcp_sub"}
    assert assume["Condition"]["StringEquals"]["sts:ExternalId"] == {"Ref": "ExternalId"}
    assert set(web["Condition"]["StringLike"]) == {"idp.example.com:sub"}
    for statement in (web, *others):
        assert statement["Condition"]["StringEquals"] == {"idp.example.com:aud": {"Ref": "Audience"}}


in_emulator = pytest.mark.asyncio(loop_scope="module")


class Installation:
    """All templates deployed: the service's own identity, and readers in one account."""

    def __init__(self, emulator: MiniStack) -> None:
        self.emulator = emulator
        self.policies: list[str] = []
        self.service_keys: dict[str, str] = {}
        self.service_role_arn = ""

    async def deploy(self, account_id: str, name: str, body: dict[str, Any], **parameters: str) -> dict[str, str]:
        """Deploy a template as the account's root; returns its outputs."""
        async with self.emulator.client("cloudformation", account_id) as cloudformation:
            await cloudformation.create_stack(
                StackName=name,
                TemplateBody=json.dumps(body),
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
            waiter = cloudformation.get_waiter("stack_create_complete")
            await waiter.wait(StackName=name, WaiterConfig={"Delay": 1})
            (stack,) = (await cloudformation.describe_stacks(StackName=name))["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    async def deploy_everything(self) -> None:
        permissions = await self.deploy(ACCOUNT_ID, "permissions", template("reader-permissions"))
        self.policies = permissions["PolicyArns"].split(",")
        principal = await self._add_principal()
        service = await self.deploy(
            SERVICE_ACCOUNT,
            "service",
            template("service-role"),
            ReaderRoleArns=BY_ROLE.role_arn,
            TrustedPrincipal=principal,
        )
        self.service_role_arn = service["ServiceRoleArn"]
        await self.deploy_reader("cloudwatch-mcp-reader", self.policies)
        web = await self.deploy(
            ACCOUNT_ID,
            "web",
            _without_provider(template("reader-web-identity")),
            Audience=AUDIENCE,
            Subjects="alice,b?b",
            PermissionPolicies=",".join(self.policies),
        )
        assert web["RoleArn"] == BY_TOKEN.role_arn

    async def deploy_reader(self, role_name: str, policies: list[str]) -> None:
        body = _without_source_identity(template("reader-assume-role"))
        outputs = await self.deploy(
            ACCOUNT_ID,
            role_name,
            body,
            ServiceRoleArn=self.service_role_arn,
            ExternalId=EXTERNAL_ID,
            PermissionPolicies=",".join(policies),
            RoleName=role_name,
        )
        assert outputs["RoleArn"].endswith(f":role/{role_name}")

    async def _add_principal(self) -> str:
        """What auth_service runs as before it takes its role."""
        async with self.emulator.client("iam", SERVICE_ACCOUNT) as iam:
            user = (await iam.create_user(UserName="pod"))["User"]
            may_assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
            await iam.put_user_policy(
                UserName="pod",
                PolicyName="assume",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may_assume]}),
            )
            key = (await iam.create_access_key(UserName="pod"))["AccessKey"]
        self.service_keys = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        return str(user["Arn"])

    @asynccontextmanager
    async def service_sts(self) -> AsyncIterator[Any]:
        """STS as auth_service's own role."""
        async with self.emulator.client("sts", **self.service_keys) as sts:
            issued = (await sts.assume_role(RoleArn=self.service_role_arn, RoleSessionName="auth"))["Credentials"]
        keys = AwsCredentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"], 0.0, 0.0)
        async with self.emulator.client("sts", **_as_options(keys)) as sts:
            yield sts


BY_ROLE = Account(
    account_id=ACCOUNT_ID, role_arn=f"arn:aws:iam::{ACCOUNT_ID}:role/cloudwatch-mcp-reader", external_id=EXTERNAL_ID
)
BY_TOKEN = Account(
    account_id=ACCOUNT_ID,
    role_arn=f"arn:aws:iam::{ACCOUNT_ID}:role/cloudwatch-mcp-web-reader",
    strategy="web_identity",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with ministack(tmp_path_factory.mktemp("ministack")) as emulator:
        made = Installation(emulator)
        await made.deploy_everything()
        yield made


async def outcomes(installation: Installation, keys: AwsCredentials) -> dict[str, str]:
    """What the keys open, by group of tools, and something that they never may."""
    found = {}
    async with (
        installation.emulator.client("cloudwatch", **_as_options(keys)) as cloudwatch,
        installation.emulator.client("logs", **_as_options(keys)) as logs,
    ):
        calls = {
            "alarms": cloudwatch.describe_alarms(),
            "metrics": cloudwatch.list_metrics(),
            "dashboards": cloudwatch.list_dashboards(),
            "logs": logs.describe_log_groups(),
            "write": logs.create_log_group(logGroupName="/never"),
        }
        for name, call in calls.items():
            try:
                await call
                found[name] = "allowed"
            except ClientError as error:
                found[name] = error.response["Error"]["Code"].removesuffix("Exception")
    return found


READS = {"alarms": "allowed", "metrics": "allowed", "dashboards": "allowed", "logs": "allowed", "write": "AccessDenied"}


@in_emulator
@pytest.mark.timeout(120)  # the emulator is installed first where it is not
async def test_auth_service_becomes_the_reader_for_a_named_user_and_can_read(installation: Installation) -> None:
    async with installation.service_sts() as sts:
        keys = await RoleAssumer({"aws": sts}).issue(ALICE, entitled(BY_ROLE), UserToken("", 0.0))
    assert await outcomes(installation, keys) == READS


@in_emulator
@pytest.mark.parametrize(
    "changes",
    [
        {"ExternalId": "another-deployment"},
        {"ExternalId": None},
        {"Tags": None},
        {"Tags": [{"Key": "mcp_sub", "Value": "somebody"}]},
        {"Tags": [{"Key": "mcp_sub", "Value": ALICE.user_id}, {"Key": "team", "Value": "admins"}]},
    ],
    ids=str,
)
async def test_each_condition_of_the_role_stops_something(installation: Installation, changes: dict[str, Any]) -> None:
    complete = {
        "RoleArn": BY_ROLE.role_arn,
        "RoleSessionName": "alice",
        "ExternalId": EXTERNAL_ID,
        "Tags": [{"Key": "mcp_sub", "Value": ALICE.user_id}],
    }
    asked = {name: value for name, value in (complete | changes).items() if value is not None}
    async with installation.service_sts() as sts:
        assert (await sts.assume_role(**complete))["Credentials"]
        with pytest.raises(ClientError) as caught:
            await sts.assume_role(**asked)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"


@in_emulator
async def test_the_service_can_become_nothing_else_and_nobody_else_the_reader(installation: Installation) -> None:
    await installation.deploy_reader("not-on-the-list", installation.policies)
    other = BY_ROLE.model_copy(update={"role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/not-on-the-list"})
    async with installation.service_sts() as sts:
        assert (
            await refusal(RoleAssumer({"aws": sts}).issue(ALICE, entitled(other), UserToken("", 0.0)))
            is Reason.ROLE_REFUSED
        )
    async with installation.emulator.client("sts", **installation.service_keys) as sts:
        assert (
            await refusal(RoleAssumer({"aws": sts}).issue(ALICE, entitled(BY_ROLE), UserToken("", 0.0)))
            is Reason.ROLE_REFUSED
        )


@in_emulator
async def test_a_role_with_some_of_the_groups_opens_these_only(installation: Installation) -> None:
    alarms_only = [arn for arn in installation.policies if arn.endswith("alarms")]
    async with installation.emulator.client("iam", ACCOUNT_ID) as iam:
        for arn in installation.policies:
            if arn not in alarms_only:
                await iam.detach_role_policy(RoleName="cloudwatch-mcp-web-reader", PolicyArn=arn)
        try:
            keys = await by_token(installation, aud=AUDIENCE, sub="alice")
            assert await outcomes(installation, keys) == dict.fromkeys(READS, "AccessDenied") | {"alarms": "allowed"}
        finally:
            for arn in installation.policies:
                await iam.attach_role_policy(RoleName="cloudwatch-mcp-web-reader", PolicyArn=arn)


class NoExchange:
    async def exchange(self, _principal: Principal, token: UserToken) -> UserToken:
        return token


async def by_token(installation: Installation, **claims: Any) -> AwsCredentials:
    """Keys for a token of the provider that the template names. The emulator does not check its signature."""
    async with Issuer() as issuer:
        token = UserToken(issuer.mint({"iss": "https://idp.example.com", **claims}), 0.0)
    async with installation.emulator.client("sts", config={"signature_version": UNSIGNED}) as sts:
        return await WebIdentity({"aws": sts}, NoExchange()).issue(ALICE, entitled(BY_TOKEN), token)


@in_emulator
async def test_a_users_token_opens_the_reader_and_can_read(installation: Installation) -> None:
    for subject in ("alice", "bob"):
        assert await outcomes(installation, await by_token(installation, aud=AUDIENCE, sub=subject)) == READS


@in_emulator
@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://another.application"},
        {"sub": "mallory"},
        {"sub": "alice2"},
        {"iss": "https://another.example.com"},
        {"iss": "https://idp.example.com/other"},
    ],
    ids=str,
)
async def test_each_condition_on_a_token_stops_something(installation: Installation, claims: dict[str, Any]) -> None:
    complete = {"aud": AUDIENCE, "sub": "alice"}
    assert await by_token(installation, **complete)
    assert await refusal(by_token(installation, **complete | claims)) is Reason.ROLE_REFUSED


async def refusal(call: Awaitable[Any]) -> Reason:
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.reason


def _as_options(keys: AwsCredentials) -> dict[str, str]:
    return {
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret_access_key,
        "aws_session_token": keys.session_token,
    }


def _without_source_identity(body: dict[str, Any]) -> dict[str, Any]:
    """The emulator knows no source identity, so a condition on it refuses everybody."""
    for statement in statements(body):
        statement["Condition"].get("StringLike", {}).pop("sts:SourceIdentity", None)
    return body


def _without_provider(body: dict[str, Any]) -> dict[str, Any]:
    """The emulator has no resource for it, and asks for no registered provider."""
    del body["Resources"]["Provider"], body["Resources"]["ReaderRole"]["DependsOn"]
    return body
