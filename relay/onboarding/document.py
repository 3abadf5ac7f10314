"""A document of headings, paragraphs and tables, as Markdown and as .docx (python-docx 1.2, the extra `documents`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

FORMATS: Final = (".md", ".docx")


class DocumentError(Exception):
    """The document cannot be written as asked; the text says why and what to do."""


class Table(NamedTuple):
    """A table under its header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


class Section(NamedTuple):
    """A heading, paragraphs, and a table or none."""

    heading: str
    paragraphs: Sequence[str] = ()
    table: Table | None = None


class Document(NamedTuple):
    """A whole document."""

    title: str
    sections: Sequence[Section]


def markdown(document: Document) -> str:
    """The document in Markdown."""
    lines = [f"# {document.title}", ""]
    for section in document.sections:
        lines += [f"## {section.heading}", ""] if section.heading else []
        lines += [line for paragraph in section.paragraphs for line in (paragraph, "")]
        if section.table is not None:
            lines += [_row(section.table.header), _row(["---"] * len(section.table.header))]
            lines += [*map(_row, section.table.rows), ""]
    return "\n".join(lines)


def write(document: Document, path: Path) -> None:
    """Write the document in the format that the file's name ends with. Raises DocumentError and OSError."""
    match path.suffix.lower():
        case ".md":
            path.write_text(markdown(document), encoding="utf-8")
        case ".docx":
            _write_docx(document, path)
        case other:
            raise DocumentError(f"{other or 'no ending'}: expected a file that ends with {' or '.join(FORMATS)}")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _write_docx(document: Document, path: Path) -> None:
    try:
        import docx  # not before it is asked for: most never need it
    except ModuleNotFoundError:
        raise DocumentError("python-docx is not installed: pip install 'ei-relay[documents]', or write .md") from None
    out = docx.Document()
    out.add_heading(document.title, level=0)
    for section in document.sections:
        if section.heading:
            out.add_heading(section.heading, level=1)
        for paragraph in section.paragraphs:
            out.add_paragraph(paragraph)
        if section.table is not None:
            table = out.add_table(rows=1, cols=len(section.table.header), style="Table Grid")
            for row in (section.table.header, *section.table.rows):
                cells = table.rows[0].cells if row is section.table.header else table.add_row().cells
                for cell, value in zip(cells, row, strict=True):
                    cell.text = value
    out.save(str(path))
