"""Builds the API reference into build/docs and checks that every relative link in the Markdown pages leads somewhere."""

import re
import sys
from pathlib import Path

import pdoc

import penchant

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def broken_links() -> list[str]:
    """Relative links to files that are not there, as `page: link`."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    return [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in LINK.findall(page.read_text(encoding="utf8"))
        if not (page.parent / link).exists()
    ]


def main() -> int:
    """Build; the exit status is 1 when a link is broken."""
    pdoc.render.configure(docformat="google")
    for name in penchant.__all__:
        getattr(penchant, name)  # what is loaded when first used is documented where it stands
    pdoc.pdoc("penchant", output_directory=ROOT / "build" / "docs")
    broken = broken_links()
    for line in broken:
        print(f"broken link  {line}", file=sys.stderr)
    print(f"docs     {ROOT.name}/build/docs/index.html  {len(broken)} broken links")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
