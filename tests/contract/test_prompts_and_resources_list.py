"""What clients are shown of prompts and resources: small, because clients may put it into every context."""

import json
from typing import Any

from mcp_frontend.prompts import PROMPTS
from mcp_frontend.resources import RESOURCES, TEMPLATES

MAX_BYTES = 3_500


def _shown(items: Any) -> str:
    dumped = [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in items]
    return json.dumps(dumped, separators=(",", ":"), ensure_ascii=False)


def test_size() -> None:
    prompts = [prompt.definition for prompt in PROMPTS]
    assert sum(len(_shown(items).encode()) for items in (prompts, RESOURCES, TEMPLATES)) < MAX_BYTES


def test_names_are_unique_and_have_titles() -> None:
    for items in ([prompt.definition for prompt in PROMPTS], RESOURCES, TEMPLATES):
        assert len({item.name for item in items}) == len(items)
        assert all(item.title and item.description for item in items)
