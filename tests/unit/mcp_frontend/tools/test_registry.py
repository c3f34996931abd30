"""The list of tools."""

from mcp_frontend.tools import INSTRUCTIONS, TOOLS, definitions, find_tool


def test_every_tool_is_found_by_its_name() -> None:
    assert [find_tool(tool.name) for tool in TOOLS] == list(TOOLS)
    assert len({tool.name for tool in TOOLS}) == len(TOOLS)


def test_unknown_tool() -> None:
    assert find_tool("delete_everything") is None


def test_definitions_are_made_once_in_order() -> None:
    assert definitions() is definitions()
    assert [definition.name for definition in definitions()] == [tool.name for tool in TOOLS]


def test_instructions_name_only_tools_that_exist() -> None:
    words = {word.strip(".,;:") for word in INSTRUCTIONS.split()}
    named = {word for word in words if "_" in word and word != "profile_name"}
    assert "list_accounts" in named
    assert all(find_tool(name) for name in named)
    assert len(INSTRUCTIONS) < 800
