"""report.html in a real Chromium: read, filtered, linked to, printed, without a mouse, without scripts, and hostile."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import expect

from acs_conformance import report as reports
from acs_conformance.report import beside, html, view
from browsers import Watched, launched
from hostile import poisoned, sample

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
#: What would run, load, restyle or lead away, if it were markup anywhere.
HOSTILE = (
    "</script></style></title></pre></code></textarea></svg>"
    "<script>document.title='pwned';alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>"
    "<svg onload=alert(3)><iframe srcdoc='<script>parent.alert(4)</script>'></iframe>"
    "<style>*{display:none}</style><base href=http://127.0.0.1:9/><meta http-equiv=refresh content=0;url=data:,x>"
    "\"'><a href=javascript:alert(5) autofocus onfocus=alert(6)>x</a><!-- --!> ]]> {{7*7}} ${7*7} &lt;b&gt; \u202e\x00"
)
NARROW, WIDE = 360, 1280
FAILING = "StartRtcCloudTranscode.AppId.pattern"


@pytest.fixture(scope="module")
def browser():
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report with every kind of outcome, one run before it, and some exchanges on a page beside it."""
    root = tmp_path_factory.mktemp("reports")
    now, before = sample(), sample()
    before["run"] |= {"id": "r0", "started_at": "2026-11-23T08:42:13Z"}
    for requirement in before["requirements"]:
        if requirement["id"] == FAILING:
            requirement |= {"verdict": "pass", "failed": 0, "reason": ""}
    before["findings"] = [f for f in before["findings"] if FAILING not in f["requirements"]]
    reports.write_all(before, root / "before")
    reports.write_all(now, root / "now")
    pages = dict(beside.render(now, embedded=()))
    for name, text in pages.items():
        reports.write_text(root / "now" / name, text)
    return root / "now"


@pytest.fixture
def opened(browser, folder):
    """Opens the page and tells of everything that it did beside."""
    contexts = []

    def opened(fragment="", page="report.html", *, where=folder, width=WIDE, **options):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(20_000)
        tab.watched = Watched(tab)
        tab.goto((where / page).as_uri() + fragment)
        return tab

    yield opened
    for context in contexts:
        context.close()


def opened_up(tab):
    """With everything open and drawn, as axe wants it: it judges only what it can see."""
    tab.evaluate(
        """() => {
          for (const each of document.querySelectorAll("details")) each.open = true;
          for (const each of document.querySelectorAll(".row, .finding, .maps, .asked, .ex"))
            each.style.contentVisibility = "visible";
          const tools = document.querySelector(".tools");
          if (tools) tools.style.position = "static";
        }"""
    )


def rows_shown(tab):
    return tab.locator("tr.f[data-v][id]:not([hidden])").count()


# --- what it is for -------------------------------------------------------------------------------------------------


def test_the_first_screen_answers_the_four_questions(opened):
    """Does it keep its contract, what changed, what is broken, how do I see it: all within the first 800 pixels."""
    tab = opened()
    for words in (
        "Breaks its contract",
        "3 of 13 requirements fail",
        "1 requirement newly fails",
        "AppId has only characters",
    ):
        assert tab.get_by_text(words).first.bounding_box()["y"] < 800
    assert tab.locator(".broken .new").count() == 1
    first = tab.locator(".finding").first
    assert first.get_attribute("open") is not None
    assert first.locator("pre").first.inner_text().startswith("acs-conformance replay report.json ")
    assert tab.watched.said == []


def test_nothing_is_loaded(opened):
    tab = opened()
    opened_up(tab)
    assert [url for url in tab.watched.loaded if url != tab.url] == []


@pytest.mark.parametrize(
    ("scheme", "width", "page"),
    [
        ("light", WIDE, "report.html"),
        ("dark", WIDE, "report.html"),
        ("light", NARROW, "report.html"),
        ("light", WIDE, "exchanges/000001-000500.html"),
    ],
)
def test_axe_finds_no_violation(opened, scheme, width, page):
    tab = opened(page=page, width=width, color_scheme=scheme)
    opened_up(tab)
    tab.evaluate(AXE.read_text("utf-8"))
    found = tab.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
    told = [(rule["id"], [node["html"][:200] for node in rule["nodes"]][:5]) for rule in found["violations"]]
    assert told == []
    assert len(found["passes"]) > 20
    # Contrast that axe can't make out is no pass, but in pictures, and where a narrow screen has to be scrolled.
    unsure = [n["html"][:200] for rule in found["incomplete"] if rule["id"] == "color-contrast" for n in rule["nodes"]]
    assert width == NARROW or [node for node in unsure if not node.startswith("<text")] == []


def test_light_and_dark_are_two_palettes(opened):
    grounds = [
        opened(color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    light, dark = ([int(part) for part in re.findall(r"\d+", ground)] for ground in grounds)
    assert min(light) > 200
    assert max(dark) < 60


@pytest.mark.parametrize("width", [NARROW, 768, WIDE])
def test_the_page_is_as_wide_as_the_screen(opened, width):
    tab = opened(width=width)
    opened_up(tab)
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width


# --- looking for something ------------------------------------------------------------------------------------------


def test_the_filter_finds_by_text_and_verdict_and_lets_go(opened):
    tab = opened()
    everything, field, hits = rows_shown(tab), tab.get_by_role("searchbox"), tab.locator(".hits")
    assert everything == 13
    field.fill("appid.PATTERN")
    expect(tab.locator(".hits")).to_have_text("1 of 13")
    assert rows_shown(tab) == 1
    assert tab.locator(f"[id='{FAILING}']").is_visible()  # its statement has opened
    assert tab.locator(".sr[role=status]").inner_text() == "1 of 13 requirements"
    field.fill("")
    tab.get_by_label("pass", exact=True).uncheck()
    expect(tab.locator(".hits")).to_have_text("7 of 13")
    assert tab.locator("tr.f[data-v=pass][id]:not([hidden])").count() == 0
    tab.get_by_label("pass", exact=True).check()
    expect(tab.locator(".hits")).to_have_text("")
    assert rows_shown(tab) == everything
    assert hits.inner_text() == ""


@pytest.mark.parametrize(
    ("fragment", "page"),
    [
        (f"#{FAILING}", "report.html"),
        ("#statement-StartRtcCloudTranscode-app-id-characters", "report.html"),
        ("#exchange-15", "report.html"),
        ("#exchange-15", "exchanges/000001-000500.html"),
    ],
)
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_deep_link_opens_what_it_leads_to(opened, fragment, page, scripts):
    tab = opened(fragment, page, java_script_enabled=scripts)
    expect(tab.locator(f"[id='{fragment[1:]}']")).to_be_in_viewport()


def test_a_deep_link_opens_on_a_slow_machine_too(browser, folder):
    """One that lays the page out in pieces; ten times, since it is the moment of each piece that matters."""
    for _ in range(10):
        context = browser.new_context(viewport={"width": WIDE, "height": 800}, java_script_enabled=False)
        tab = context.new_page()
        context.new_cdp_session(tab).send("Emulation.setCPUThrottlingRate", {"rate": 8})
        tab.goto(f"{(folder / 'report.html').as_uri()}#{FAILING}")
        expect(tab.locator(f"[id='{FAILING}']")).to_be_in_viewport()
        context.close()


def test_every_cell_of_the_heat_map_leads_to_its_requirement(opened, folder):
    tab = opened()
    report = json.loads((folder / "report.json").read_text("utf-8"))
    cells = tab.locator(".heat .c")
    assert cells.count() == len(report["requirements"])
    cell = tab.locator(f".heat a[href='#{view.anchor(FAILING)}']")
    assert cell.text_content().startswith("fail")
    cell.click()
    assert tab.locator(f"[id='{FAILING}']").is_visible()


def test_evidence_beyond_the_limit_is_a_click_away(opened, monkeypatch, tmp_path):
    monkeypatch.setattr(view, "_MOST", 1)
    monkeypatch.setattr(view, "_LEAST", 1)
    reports.write_page(sample(), tmp_path / "alone")
    tab = opened(where=tmp_path / "alone")
    assert tab.locator(".ex").count() == 0
    link = tab.locator(f"[id='{FAILING}'] .e a").first
    number = link.text_content()
    opened_up(tab)
    link.click()
    tab.wait_for_url(f"**/exchanges/000001-000500.html#exchange-{number}")
    assert tab.locator(f"#exchange-{number}").is_visible()
    tab.get_by_role("link", name="Conformance report").click()
    tab.wait_for_url("**/report.html")
    assert tab.watched.said == []


# --- without a mouse, a script, a screen ----------------------------------------------------------------------------


def test_all_can_be_reached_by_the_keyboard(opened):
    tab = opened()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert tab.locator(".skip").bounding_box()["x"] >= 0
    tab.keyboard.press("Enter")
    assert tab.url.endswith("#main")
    summary = tab.locator(".finding > summary").nth(1)
    summary.focus()
    tab.keyboard.press("Enter")
    assert tab.locator(".finding").nth(1).get_attribute("open") is not None
    tab.keyboard.press("Tab")
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    unreachable = tab.evaluate(
        """() => [...document.querySelectorAll("pre, .scroll, figure")].filter((each) =>
          each.checkVisibility() && each.scrollWidth > each.clientWidth && each.tabIndex < 0).length"""
    )
    assert unreachable == 0


def test_a_command_is_copied_as_it_is_shown(opened, folder):
    tab = opened(permissions=["clipboard-read", "clipboard-write"])
    tab.get_by_role("button", name="Copy").first.click()
    expect(tab.get_by_role("button", name="Copied")).to_have_count(1)
    first = json.loads((folder / "report.json").read_text("utf-8"))["findings"][0]
    shown = tab.locator(".finding pre").first.inner_text()
    assert shown == first["replay"]
    assert tab.evaluate("navigator.clipboard.readText()") == shown


def test_without_scripts_everything_is_there_but_the_filter(opened, folder):
    tab = opened(java_script_enabled=False)
    assert tab.locator("#filter").is_hidden()
    for words in ("Breaks its contract", "1 requirement newly fails", "How long answers took"):
        assert tab.get_by_text(words).first.is_visible()
    assert tab.locator(".pygal-chart").first.bounding_box()["height"] > 100
    tab.locator(".st > summary").first.click()
    assert tab.locator(".st").first.locator("table").is_visible()
    tab.locator(".ex > summary").first.click()
    assert "HTTP" in tab.locator(".ex").first.inner_text()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_on_paper_everything_is_open_but_exchanges(opened, scripts):
    tab = opened(java_script_enabled=scripts, color_scheme="dark")
    printed = tab.pdf(format="A4")
    assert printed.startswith(b"%PDF-")
    tab.emulate_media(media="print")
    assert tab.locator(".tools").is_hidden()
    assert tab.locator(".ex").first.is_hidden()
    assert tab.locator(".finding pre").last.bounding_box()["height"] > 10
    assert tab.locator(f"[id='{FAILING}']").bounding_box()["height"] > 10


# --- hostile --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A report in which every text that a target, a profile or an earlier report could reach is an attack."""
    root = tmp_path_factory.mktemp("hostile")
    report = sample()
    report["run"] |= {"diagnosis": "all is wrong", "stopped": "too early", "only": "Op.*"}
    report["findings"][0]["replay"] = "send it again"
    before = copy.deepcopy(report)
    before["run"] |= {"id": "r0"}
    before["findings"] = before["findings"][1:]
    before["requirements"][0]["verdict"] = "fail"
    before["readings"][0]["observed"] = "otherwise"
    earlier = poisoned(before, HOSTILE)
    for mine, clean in zip(earlier["findings"], before["findings"], strict=True):
        mine["requests"] = clean["requests"]  # held to a pattern, and shown on no page
    reports.write_json(earlier, root / "before" / "report.json")
    bad = poisoned(report, HOSTILE)
    reports.write_page(bad, root / "bad", root / "before" / "report.json")
    for name, text in beside.render(bad, embedded=()):
        reports.write_text(root / "bad" / name, text)
    return root / "bad"


@pytest.mark.parametrize("page", ["report.html", "exchanges/000001-000500.html"])
@pytest.mark.parametrize("bypass", [False, True], ids=["policy", "escaping alone"])
def test_what_a_target_answers_stays_text(opened, hostile, page, bypass):
    """Each line of defence by itself: with the policy of the page switched off, the escaping has to hold."""
    tab = opened(where=hostile, page=page, bypass_csp=bypass)
    opened_up(tab)
    for summary in tab.locator("summary").all()[:3]:
        summary.click()
    if page == "report.html":
        tab.get_by_role("searchbox").fill("<script>alert(1)</script>")
        expect(tab.locator(".hits")).not_to_be_empty()
        tab.get_by_role("searchbox").fill("")
    assert tab.watched.said == []
    assert [url for url in tab.watched.loaded if url != tab.url] == []
    assert (
        tab.evaluate("document.querySelectorAll('img, iframe, base, object, embed, [onload], [onerror]').length") == 0
    )
    assert tab.evaluate("[document.scripts.length, document.querySelectorAll('style').length]") == [1, 1]
    links = tab.evaluate("[...document.links].map((each) => each.protocol)")
    assert set(links) <= {"file:", "https:"}
    assert "pwned" not in tab.title().split(":")[0]
    assert tab.evaluate("document.body.innerText").count("<script>document.title='pwned'") > 5


def test_the_policy_stops_what_escaping_would_have_let_through(opened, folder, tmp_path):
    """The second line of defence: markup put past the escaping by hand neither runs nor loads."""
    attack = (
        "<script>document.title='pwned'</script><svg onload=\"document.title='pwned'\"></svg>"
        "<img src=http://127.0.0.1:9/x><style>body{display:none}</style>"
    )
    source = (folder / "report.html").read_text("utf-8").replace('<main id="main">', f'<main id="main">{attack}', 1)
    (tmp_path / "report.html").write_text(source, encoding="utf-8")
    tab = opened(where=tmp_path)
    assert tab.title().startswith("Breaks its contract")
    assert tab.locator("main").is_visible()
    assert tab.watched.failed == ["csp"]
    assert sum("Content Security Policy" in line for line in tab.watched.said) >= 4


def test_the_page_fits_into_one_file_up_to_a_limit(folder):
    assert list(html.render_beside(sample())) == []
