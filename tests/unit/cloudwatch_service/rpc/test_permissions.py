"""Every RPC has its rule, and each tool asks for what its RPCs do."""

import importlib
import pkgutil
from collections.abc import Iterator

import cwmcp.cloudwatch.v1 as stubs
import pytest
from google.protobuf.descriptor import ServiceDescriptor

from cloudwatch_service.rpc.permissions import PERMISSIONS


def services() -> Iterator[ServiceDescriptor]:
    for module in pkgutil.iter_modules(stubs.__path__):
        if module.name.endswith("_pb2"):
            descriptor = importlib.import_module(f"cwmcp.cloudwatch.v1.{module.name}").DESCRIPTOR
            yield from descriptor.services_by_name.values()


SERVICES = {service.name: service for service in services()}


def test_the_services_are_those_of_the_stubs() -> None:
    assert set(PERMISSIONS) == set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_rpc_has_a_rule_and_no_rule_is_for_nothing(name: str) -> None:
    assert set(PERMISSIONS[name]) == {method.name for method in SERVICES[name].methods}


def test_only_what_touches_no_account_is_open_to_all() -> None:
    open_to_all = {(name, rpc) for name, rules in PERMISSIONS.items() for rpc, needed in rules.items() if not needed}
    assert open_to_all == {("AccountsService", "ListAccounts"), ("MetricCatalogService", "GetMetricMetadata")}
