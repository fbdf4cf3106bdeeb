"""The report of soak runs: one HTML page, a page of Markdown, JUnit XML. Records in, texts out; nothing is written here."""

from floodmark_soak._whole import Whole
from floodmark_soak.report._html import render_html
from floodmark_soak.report._junit import render_junit
from floodmark_soak.report._record import Record
from floodmark_soak.report._summary import render_summary

__all__ = ["Record", "Whole", "render_html", "render_junit", "render_summary"]
