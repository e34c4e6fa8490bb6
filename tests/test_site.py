"""The documentation as a site: it builds without a warning, shows what the code has, and asks no other server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from filelock import FileLock

import acs_conformance
from acs_conformance.cli import cli

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site, once for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "acs-conformance-site"
    with FileLock(f"{shared}.lock"):
        if not (shared / "index.html").exists():
            told = subprocess.run(
                [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", shared],
                cwd=ROOT,
                env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                timeout=180,
            )
            assert told.returncode == 0, told.stdout + told.stderr
            assert "WARNING" not in told.stdout + told.stderr
    return shared


class Links(HTMLParser):
    """What a page loads, what it links to, and its anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.ids: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids |= {found[name] or "" for name in ("id", "name") if name in found and tag != "meta"}
        if tag == "a" and found.get("href"):
            self.linked.append(found["href"] or "")
        elif tag == "link" and found.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(found.get("href") or "")
        else:
            self.loaded += [found[name] or "" for name in ("src", "srcset", "data", "poster") if name in found]


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Links]:
    return {page.relative_to(site).as_posix(): Links(page) for page in site.rglob("*.html")}


def text_of(page: Path) -> str:
    """The page's main part without its tags and blank lines."""
    body = re.search(r"<article.*?</article>", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    words = re.sub(r"<[^>]*>", "", body[0])
    return re.sub(r"\s+", " ", words.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'"))


def test_every_document_is_a_page_of_the_site(site, pages):
    documents = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {f"{name}.html" for name in documents} <= set(pages)
    assert {"index.html", "changes.html", "description.html", "client-team.html", "workflows.html"} <= set(pages)
    menu = set(pages["index.html"].linked)
    assert {name for name in pages if name not in menu and name not in ("404.html", "index.html")} == set()


def test_every_link_leads_to_a_page_and_place_of_the_site(site, pages):
    dead = []
    for name, page in pages.items():
        if name == "404.html":
            continue  # its links are from the top of the site, wherever that is
        for link in (*page.linked, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme or link.startswith("data:"):
                continue
            target = os.path.normpath(Path(name).parent / unquote(parts.path)) if parts.path else name
            if not (site / target).exists() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids
            ):
                dead.append((name, link))
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site, pages):
    assert {link for page in pages.values() for link in page.loaded if urlsplit(link).netloc} == set()
    for sheet in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import )\s*[\"']?(?:https?:)?//[^)\s]+", sheet.read_text(encoding="utf-8")) == []


def test_links_to_other_sites_are_encrypted(pages):
    others = {link for page in pages.values() for link in page.linked if urlsplit(link).netloc}
    assert {link for link in others if not link.startswith("https://")} == set()


def test_the_command_reference_has_every_command_its_options_and_examples(site):
    text = text_of(site / "cli.html")

    def check(command: click.Command, path: str) -> None:
        assert f"{path} " in text
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.opts[0] in text, option
                assert option.help.split(".")[0].split()[-1] in text, option
        for name, each in (command.commands if isinstance(command, click.Group) else {}).items():
            check(each, f"{path} {name}")

    check(cli, "acs-conformance")
    assert "acs-conformance run --profile staging --allow-inconclusive '*.unique'" in text
    assert "Sentinel" not in text


def test_the_python_reference_has_every_public_name_and_fixture(site):
    page = (site / "python.html").read_text(encoding="utf-8")
    ids = Links(site / "python.html").ids
    for name in acs_conformance.__all__:
        if name != "__version__":
            assert any(found.rpartition(".")[2] == name for found in ids), name
    for fixture in ("acs_emulator", "acs_client", "acs_sdk_config", "acs_emulator_options"):
        assert f'id="acs_conformance.client_fixtures.{fixture}"' in page
    # Docstrings are read as what they are: tables of parameters, and no markup left over.
    text = text_of(site / "python.html")
    assert "Name Type Description Default" in text
    assert re.findall(r"\b(?:Args|Raises|Returns|Yields|Examples|Attributes):\s+\w+: ", text) == []


def test_examples_are_shown_as_they_are(site):
    shown = text_of(site / "client-team.html")
    for file in (ROOT / "examples/client-team").glob("*.py"):
        first = file.read_text(encoding="utf-8").splitlines()[0].strip('"')
        assert first.replace("`", "") in shown.replace("`", ""), file


def test_the_schema_of_the_report_is_there(site):
    assert json.loads((site / "report.schema.json").read_text(encoding="utf-8"))["$id"]


def test_the_picture_of_the_report_is_small_and_shown(site, pages):
    picture = ROOT / "docs/images/report.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 300_000
    assert "images/report.png" in pages["index.html"].loaded
    assert "images/report.png" in pages["reading-a-report.html"].loaded
