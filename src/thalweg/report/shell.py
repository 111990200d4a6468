"""The frame around every report: one HTML document that loads nothing and runs nothing."""

from collections.abc import Sequence

from thalweg.report.formatting import escape
from thalweg.report.style import style_sheet

__all__ = ["POLICY", "document"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(title: str, parts: Sequence[str]) -> str:
    """Return a whole HTML document from its parts; browsers are told to load and run nothing.

    Args:
        title: Title of the window.
        parts: Sections in order; empty ones are left out.
    """
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="generator" content="Thalweg">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{style_sheet()}</style></head>\n"
        f"<body><main>{body}</main></body></html>\n"
    )
