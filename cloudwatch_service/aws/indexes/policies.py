"""Reads field index policies. It must not judge what they are good for."""

from typing import Final

from cloudwatch_service.aws.pages import pages
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.indexes.policies import AccountIndexPolicy, parse_account_policies, parse_index_policies

_MAX_PAGES: Final = 20


async def list_indexed_fields(session: UserSession, arn: str) -> dict[str, str]:
    """The indexed fields of the log group, each with the source of its policy. Raises ServiceError."""
    indexed: dict[str, str] = {}
    answers = pages(session, "logs", "describe_index_policies", max_pages=_MAX_PAGES, logGroupIdentifiers=[arn])
    async for page in answers:
        indexed.update(parse_index_policies(page))
    return indexed


async def list_account_policies(session: UserSession) -> list[AccountIndexPolicy]:
    """The account's own index policies. Raises ServiceError."""
    policies: list[AccountIndexPolicy] = []
    answers = pages(session, "logs", "describe_account_policies", max_pages=_MAX_PAGES, policyType="FIELD_INDEX_POLICY")
    async for page in answers:
        policies += parse_account_policies(page)
    return policies
