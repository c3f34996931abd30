import pytest

from deploy.local.accounts import READABLE_ACCOUNTS
from deploy.local.next_questions import subject
from deploy.local.observations import HISTORY_MINUTES, RegionContents
from deploy.local.seed import CONTENTS

NOW_S = 1_800_000_000
ALL = [(alias, region) for alias, regions in CONTENTS.items() for region in regions]


def names(alias: str) -> set[str | tuple[str, ...]]:
    found: set[str | tuple[str, ...]] = set()
    for region in CONTENTS[alias]:
        found |= {alarm.name for alarm in region.alarms} | {alarm.name for alarm in region.composite_alarms}
        found |= {group.name for group in region.log_groups}
        found |= {(series.namespace, series.name, *series.dimensions.values()) for series in region.series}
    return found


def test_every_readable_account_has_contents_in_two_regions() -> None:
    assert set(CONTENTS) == {account.alias for account in READABLE_ACCOUNTS}
    assert all([region.region for region in regions] == ["us-east-1", "eu-west-1"] for regions in CONTENTS.values())


def test_no_name_occurs_in_both_accounts() -> None:
    assert not names("payments") & names("webshop")


@pytest.mark.parametrize("alias", CONTENTS)
def test_both_regions_hold_errors_under_the_name_of_one_log_group(alias: str) -> None:
    with_errors = [
        {group.name for group in region.log_groups if any("ERROR" in line for line in group.lines)}
        for region in CONTENTS[alias]
    ]
    assert with_errors[0] & with_errors[1]


@pytest.mark.parametrize("alias", CONTENTS)
def test_the_alarm_to_investigate_has_a_log_group_with_errors(alias: str) -> None:
    home = CONTENTS[alias][0]
    groups = {group.name: group for group in home.log_groups}
    for alarm in home.alarms:
        if alarm.in_alarm and alarm.series.namespace.lower().startswith(alias):
            shown = {"alarm_name": alarm.name, "namespace": alarm.series.namespace, "metric_name": alarm.series.name}
            found = subject({"metric_alarms": [shown]}, groups)
            assert found is not None and found.log_group is not None
            assert any("ERROR" in line for line in groups[found.log_group].lines)


@pytest.mark.parametrize(("alias", "region"), ALL)
def test_names_tell_the_account(alias: str, region: RegionContents) -> None:
    owned = [alarm.name for alarm in region.alarms] + [group.name for group in region.log_groups]
    assert all(alias in name for name in owned)


@pytest.mark.parametrize(("alias", "region"), ALL)
def test_the_values_fit_the_alarm_states(alias: str, region: RegionContents) -> None:
    for alarm in region.alarms:
        latest = [alarm.series.value(ago) for ago in range(alarm.evaluation_periods)]
        assert (min(latest) > alarm.threshold) == alarm.in_alarm
        assert not set("<>&") & set(alarm.reason)


@pytest.mark.parametrize("alias", CONTENTS)
def test_home_region_shows_alarms_one_quiet_and_one_composite(alias: str) -> None:
    home = CONTENTS[alias][0]
    assert [alarm.in_alarm for alarm in home.alarms] == [True, True, False]
    assert len(home.composite_alarms) == 1
    assert 3 <= len(home.log_groups) <= 5


@pytest.mark.parametrize(("alias", "region"), ALL)
def test_data_cover_the_last_hours_in_order(alias: str, region: RegionContents) -> None:
    for series in region.series:
        times = [datum["Timestamp"] for datum in series.data(NOW_S)]
        assert len(times) == HISTORY_MINUTES
        assert times == sorted(times)
        assert times[-1] == NOW_S
    for group in region.log_groups:
        stamps = [event["timestamp"] for event in group.events(NOW_S)]
        assert stamps == sorted(stamps)
        assert NOW_S * 1000 - stamps[-1] < 600_000
