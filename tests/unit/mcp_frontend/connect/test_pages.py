"""The pages' files and headers, and the words for every refusal."""

import pytest
from starlette.responses import Response

from mcp_frontend.connect.pages import Pages
from mcp_frontend.connect.refusals import retry_after_s, texts_for, words_for
from servicekit.errors import Reason, ServiceError


@pytest.mark.parametrize("is_https", [True, False])
def test_browsers_that_come_by_https_are_to_stay_with_it(is_https: bool) -> None:
    response = Response()
    Pages(is_https=is_https).secure(response)
    assert ("strict-transport-security" in response.headers) is is_https


def test_files_are_those_that_pages_load_and_no_others() -> None:
    pages = Pages(is_https=True)
    for name in ("connect.css", "connect.js", "icon.svg"):
        assert pages.file(name) is not None
    for name in ("", "..", "../pages.py", "base.html", "connect.CSS"):
        assert pages.file(name) is None


@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_has_words_and_says_when_to_try_again(reason: Reason) -> None:
    error = ServiceError(reason, "a sentence of a service")
    words = words_for(error)
    assert 400 <= words.status <= 503 and words.title and texts_for(error)
    assert (retry_after_s(error) is not None) == (words.status in (429, 503))
    assert any("a sentence" in text for text in texts_for(error)) is words.shows_reason
