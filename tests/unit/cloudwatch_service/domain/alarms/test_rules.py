"""The names in composite alarm rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwatch_service.domain.alarms.rules import component_names

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
ARN = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:"


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("ALARM(cpu)", ["cpu"]),
        ("ALARM(\"cpu\") AND NOT OK('disk') OR INSUFFICIENT_DATA( net )", ["cpu", "disk", "net"]),
        ("TRUE", []),
        ("", []),
        ("(ALARM(b) OR ALARM(a)) AND OK(b)", ["b", "a"]),
        ('ALARM("has (brackets) and ALARM(inside)")', ["has (brackets) and ALARM(inside)"]),
        (r'ALARM("say \"hi\"")', ['say "hi"']),
        (r"ALARM('it\'s')", ["it's"]),
        (f'ALARM("{ARN}cpu:high") OR ALARM({ARN}disk)', ["cpu:high", "disk"]),
        ("alarm ( cpu )", ["cpu"]),
        ("AT_LEAST(2, ALARM, (a, \"b, c\", 'd'))", ["a", "b, c", "d"]),
        ('AT_LEAST("50%", NOT OK, (a, b)) AND ALARM(c)', ["a", "b", "c"]),
        ("AT_LEAST(broken) OR ALARM(a)", ["a"]),
        ("ALARM(", []),
        ("ALARM(OK)", ["OK"]),
    ],
)
def test_names(rule: str, names: list[str]) -> None:
    assert component_names(rule) == names


alarm_names = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40).filter(
    lambda name: not name.startswith("arn:")
)


@given(st.lists(st.tuples(alarm_names, st.sampled_from(STATES), st.sampled_from("\"'")), max_size=8))
def test_any_quoted_name_is_found_and_nothing_else(parts: list[tuple[str, str, str]]) -> None:
    def quoted(name: str, mark: str) -> str:
        return mark + name.replace("\\", "\\\\").replace(mark, "\\" + mark) + mark

    rule = " AND NOT ".join(f"{state}({quoted(name, mark)})" for name, state, mark in parts)
    assert component_names(rule) == list(dict.fromkeys(name for name, _, _ in parts))


@given(st.text(alphabet="ALARMOKT_E(),\"'\\ a2%", max_size=60))
def test_any_text_is_read_to_its_end(rule: str) -> None:
    names = component_names(rule)
    assert len(names) == len(set(names))
    assert all(names)
