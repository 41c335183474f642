"""A Markdown extension: formulas become MathML at build time, so that pages need no script, font or network."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

DELIMITERS = {"span": (r"\(", r"\)", "inline"), "div": (r"\[", r"\]", "block")}  # of arithmatex, generic = true


class FormulaProcessor(Treeprocessor):
    """Replaces the formulas that ``pymdownx.arithmatex`` marked by MathML."""

    def run(self, root: Element) -> None:
        for element in list(root.iter()):
            if element.get("class") == "arithmatex" and element.tag in DELIMITERS:
                opens, closes, display = DELIMITERS[element.tag]
                latex = (element.text or "").strip().removeprefix(opens).removesuffix(closes).strip()
                element.text = None
                convert_to_element(latex, display=display, parent=element)


class MathsExtension(Extension):
    """Registers the processor between arithmatex and the serialiser."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 -- Markdown's name
        md.treeprocessors.register(FormulaProcessor(md), "zerokd-maths", 1)


def makeExtension(**options: Any) -> MathsExtension:  # noqa: N802 -- Markdown's name
    return MathsExtension(**options)
