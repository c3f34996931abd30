from deploy.local import iam_documents
from deploy.local.accounts import READABLE_ACCOUNTS


def test_the_service_may_only_become_the_readers() -> None:
    (statement,) = iam_documents.service_policy(READABLE_ACCOUNTS)["Statement"]
    assert sorted(statement["Action"]) == ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
    assert statement["Resource"] == [
        "arn:aws:iam::111111111111:role/cloudwatch-mcp-reader",
        "arn:aws:iam::222222222222:role/cloudwatch-mcp-reader",
    ]


def test_a_reader_is_assumed_with_external_id_and_user_tag_only() -> None:
    statements = {one["Sid"]: one for one in iam_documents.reader_trust_policy()["Statement"]}
    assert statements["AssumeForNamedUser"]["Condition"] == {
        "StringEquals": {"sts:ExternalId": "local-stack"},
        "StringLike": {"aws:RequestTag/mcp_sub": "?*"},
    }
    assert statements["NameUser"]["Condition"]["ForAllValues:StringEquals"] == {"aws:TagKeys": ["mcp_sub"]}
    principals = {one["Principal"]["AWS"] for one in statements.values()}
    assert principals == {"arn:aws:iam::999988887777:user/cloudwatch-mcp-auth"}


def test_readers_cannot_write() -> None:
    actions = [action for one in iam_documents.reader_permissions()["Statement"] for action in one["Action"]]
    verbs = {action.partition(":")[2] for action in actions}
    assert not [action for action in actions if "*" in action]
    assert all(verb.startswith(("Describe", "Get", "List", "StartQuery", "StopQuery")) for verb in verbs)
