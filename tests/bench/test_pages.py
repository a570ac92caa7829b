"""docs/performance.md is what the bench makes of the kept results: nobody edits a figure, and no picture is stale."""

from pathlib import Path

from tests.bench import pages

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_made_of_the_kept_results() -> None:
    made = pages.performance(pages.read(DOCS), pages.TEMPLATE.read_text(encoding="utf-8"))
    assert made == (DOCS / "performance.md").read_text(encoding="utf-8"), "run `make bench-docs`"


def test_the_pictures_are_made_of_the_kept_results() -> None:
    drawn = pages.drawn(pages.read(DOCS))
    kept = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "performance").glob("*.svg")}
    assert drawn == kept, "run `make bench-docs`"


def test_writing_what_is_kept_changes_nothing(tmp_path: Path) -> None:
    for path in pages.write(pages.read(DOCS), tmp_path):
        assert path.read_bytes() == (DOCS / path.relative_to(tmp_path)).read_bytes()
