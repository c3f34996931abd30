"""Saved Logs Insights queries as they are run: found by name, for their log groups. It must not call anything."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Final

from cloudwatch_service.domain.insights.pipelines import read_pipeline, without_source
from cloudwatch_service.domain.insights.queries import InsightsQuery, check_text, check_times, insights_query
from cloudwatch_service.domain.logs.groups import SavedQuery
from servicekit.errors import Reason, ServiceError, invalid

_MAX_NAMES: Final = 5
_LEAST_LIKENESS: Final = 0.5  # difflib's ratio; below it names have little in common
_EVERYTHING: Final = ("",)


def find_saved_query(queries: Sequence[SavedQuery], name: str) -> SavedQuery:
    """The one that is called `name`, to the letter. Raises ServiceError that names similar ones, or several alike."""
    found = list(dict.fromkeys(query for query in queries if query.name == name))
    if len(found) == 1:
        return found[0]
    if not found:
        close = _close_names({query.name for query in queries}, name)
        known = f"; similar names: {', '.join(map(repr, close))}" if close else "; no name is similar"
        raise ServiceError(Reason.AWS_NOT_FOUND, f"there is no saved query called {name[:200]!r}{known}", field="name")
    places = "; ".join(", ".join(query.log_group_names[:_MAX_NAMES]) or "no log groups" for query in found[:_MAX_NAMES])
    raise invalid(
        "name",
        f"{len(found)} different saved queries are called {name!r}, for {places}; run the text of the one that is "
        "meant with execute_log_insights_query (describe_log_groups shows it), or rename one at AWS",
    )


def query_of(
    saved: SavedQuery, log_groups: Sequence[str], start_time: datetime | None, end_time: datetime | None, limit: int
) -> InsightsQuery:
    """The query to run: for `log_groups` where there are any, else for those of the saved query.

    A saved query that chooses log groups by SOURCE is left as it is. Raises ServiceError naming the field.
    """
    pipeline = read_pipeline(saved.query_string)
    if log_groups or not pipeline.names_log_groups:
        groups = log_groups or saved.log_group_names
        if not groups:
            raise invalid("log_group_names", f"the saved query {saved.name!r} is for no log groups; name some")
        return insights_query(groups, (), start_time, end_time, without_source(pipeline), limit)
    start_s, end_s = check_times(start_time, end_time)
    check_text(saved.query_string, limit)
    prefixes = saved.log_group_prefixes or _EVERYTHING
    return InsightsQuery((), False, start_s, end_s, saved.query_string, limit or None, prefixes)


def _close_names(names: Iterable[str], name: str) -> list[str]:
    """Those that contain `name` or are alike, whatever their case; the likest first."""
    by_folded = {known.casefold(): known for known in sorted(names)}
    wanted = name.casefold()
    alike = get_close_matches(wanted, by_folded, _MAX_NAMES, _LEAST_LIKENESS)
    containing = [known for known in by_folded if wanted in known]
    return [by_folded[known] for known in dict.fromkeys((*containing[:_MAX_NAMES], *alike))][:_MAX_NAMES]
