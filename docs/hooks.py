"""What the site shows that doesn't stand in docs/: README, changes, the fields of descriptions, examples, help texts.

In: files of the repository. Out: pages, and links from page to page. A document is written once and its links hold on a
code forge; here they are turned to where the site has the file. A link to a file that the site doesn't have is left for
`mkdocs build --strict` to refuse.
"""

from __future__ import annotations

import inspect
import os
import re
import textwrap
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from acs_conformance.cli import cli

ROOT = Path(__file__).parent.parent
#: File of the repository -> the page that shows it.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "spec/README.md": "description.md",
    "benchmarks/README.md": "benchmarks.md",
}
#: Folder of the repository -> the page that shows its files, and the page's title where the folder has no README.
FOLDERS = {
    "examples/client-team": ("client-team.md", ""),
    "examples/profiles": ("profiles.md", "Profiles to copy"),
    "examples/workflows": ("workflows.md", "Workflows to copy"),
}
#: File of the repository -> its name as a file of the site.
ASSETS = {"src/acs_conformance/report/report.schema.json": "report.schema.json"}

_LANGUAGES = {".py": "python", ".toml": "toml", ".yml": "yaml"}
_FENCE = re.compile(r"^( *)(```+).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
_EXAMPLES = re.compile(r"\x08\nExamples:\n((?:  .*(?:\n|$))+)|^Example: (.*)$", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:)([^)\s#]+)(#[^)\s]*)?(?=\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Show the examples in help texts as code, which the terminal tells by two blanks at the beginning of a line."""
    commands: list[click.Command] = [cli]
    for command in commands:
        command.help = _EXAMPLES.sub(
            lambda found: f"\n```bash\n{textwrap.dedent(found[1] or found[2]).strip()}\n```\n",
            inspect.cleandoc(command.help or ""),
        )
        commands += command.commands.values() if isinstance(command, click.Group) else ()
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what stands elsewhere."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for folder, (page, title) in FOLDERS.items():
        files.append(File.generated(config, page, content=shown(ROOT / folder, title)))
    for source, name in ASSETS.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Turn links to files of the repository into links to pages."""
    here = origin(page.file.src_uri)
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(lambda link: turned(link, here), markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(lambda link: turned(link, here), markdown[end:])])


def shown(folder: Path, title: str) -> str:
    """The files of a folder as one page: its README first, then each file under its name."""
    readme = folder / "README.md"
    parts = [readme.read_text(encoding="utf-8") if readme.exists() else f"# {title}\n"]
    for file in sorted(folder.iterdir()):
        if file.suffix in _LANGUAGES:
            parts.append(f"## `{file.name}` {{ #{anchor(file.name)} }}\n")
            parts.append(f"```{_LANGUAGES[file.suffix]}\n{file.read_text(encoding='utf-8')}```\n")
    return "\n".join(parts)


def anchor(name: str) -> str:
    """The anchor of a file on the page of its folder."""
    return name.replace(".", "-")


def origin(src_uri: str) -> Path:
    """The file or folder of the repository that a page shows."""
    for source, page in PAGES.items():
        if page == src_uri:
            return ROOT / source
    for folder, (page, _) in FOLDERS.items():
        if page == src_uri:
            return ROOT / folder / "README.md"
    return ROOT / "docs" / src_uri


def turned(link: re.Match[str], here: Path) -> str:
    """A link as it has to be on the site; all pages are in one folder."""
    target = Path(os.path.normpath(here.parent / link[1]))
    fragment = link[2] or ""
    if not target.is_relative_to(ROOT):
        return link[0]
    name = target.relative_to(ROOT).as_posix()
    if name in PAGES:
        return PAGES[name] + fragment
    if name in ASSETS:
        return ASSETS[name] + fragment
    if name in FOLDERS:
        return FOLDERS[name][0] + fragment
    if target.parent.relative_to(ROOT).as_posix() in FOLDERS:
        return f"{FOLDERS[target.parent.relative_to(ROOT).as_posix()][0]}#{anchor(target.name)}"
    if target.is_relative_to(ROOT / "docs"):
        return target.relative_to(ROOT / "docs").as_posix() + fragment
    return link[0]
