"""The catalog: exact names, the first entry counts, and whether something is missing."""

from cloudwatch_service.domain.metrics.catalog import CatalogEntry, MetricCatalog


def _entry(metric_name: str, description: str = "d") -> CatalogEntry:
    return CatalogEntry("AWS/Lambda", metric_name, description, "Sum", "Count")


def test_names_are_exact() -> None:
    catalog = MetricCatalog([_entry("Errors")])
    assert catalog.find("AWS/Lambda", "Errors") == _entry("Errors")
    assert catalog.find("AWS/Lambda", "errors") is None
    assert catalog.find("aws/lambda", "Errors") is None
    assert catalog.find("", "") is None


def test_the_first_of_two_entries_counts() -> None:
    catalog = MetricCatalog([_entry("Errors", "first"), _entry("Errors", "second"), _entry("Duration")])
    found = catalog.find("AWS/Lambda", "Errors")
    assert found is not None
    assert found.description == "first"
    assert len(catalog) == 2


def test_completeness_is_said() -> None:
    assert MetricCatalog([]).is_complete
    assert not MetricCatalog([], is_complete=False).is_complete
