"""The Chromium that tests of pages run in: the user's own, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from acs_conformance.errors import ReportError
from acs_conformance.report import pdf


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """The browser; the test is skipped where there is none."""
    try:
        path = pdf.find(os.environ)
    except ReportError:
        pytest.skip(f"there is no Chromium; {pdf.VARIABLE} can name one")
    # Chromium has no sandbox for root, as in containers of build servers; the pages are our own.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Watched:
    """What a page did that nobody asked for."""

    def __init__(self, page: Page) -> None:
        self.said: list[str] = []
        self.loaded: list[str] = []
        self.failed: list[str | None] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: (self.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.loaded.append(request.url))
        page.on("requestfailed", lambda request: self.failed.append(request.failure))
