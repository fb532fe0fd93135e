"""HTML -> blocks, by selectolax (lexbor).

Scripts, styles, navigation, forms and the like are dropped; ``<main>`` or a single ``<article>`` is preferred where
the page has one. The words are the page's; lists, tables and code are written as Markdown, since HTML text without its
tags would have lost what makes it a list. The parser keeps no line numbers, so there are none.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from ._blocks import Block, Document, Item, Row

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_DROPPED = (
    "script, style, template, noscript, nav, footer, aside, form, button, select, iframe, object, svg, math, canvas, "
    "video, audio, img, [hidden], [aria-hidden=true]"
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = _HEADINGS | {
    "address", "article", "blockquote", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "header", "hr", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "ul",
}  # fmt: skip
_SPACE = re.compile(r"\s+")
_MARK = {"code": "`", "kbd": "`", "samp": "`", "tt": "`", "b": "**", "strong": "**", "dfn": "**"}
_MAX_LIST_DEPTH = 8
_MAX_DEPTH = 400  # deeper nesting is an attack or an accident; its text is not read


def read_html(text: str, source: str) -> Document:
    """Read a page.

    :param text: cleaned, lines ended by a line feed.
    :param source: as candidates name it.
    """
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(text)
    heading = tree.css_first("title")
    page_title = _flat(heading.text()) if heading is not None else ""
    for node in tree.css(_DROPPED):
        node.decompose()
    articles = tree.css("article")
    root = tree.css_first("main") or (articles[0] if len(articles) == 1 else None) or tree.body
    blocks = _walk(root) if root is not None else []
    first = next((block.text for block in blocks if block.kind == "heading" and block.level == 1), "")
    return Document(source, first or page_title, tuple(blocks))


def _walk(root: LexborNode) -> list[Block]:
    """Blocks in the order of the page; text that stands between blocks becomes a paragraph."""
    blocks: list[Block] = []
    loose: list[str] = []

    def flush() -> None:
        text = _flat("".join(loose))
        loose.clear()
        if text:
            blocks.append(Block("paragraph", text))

    left: list[tuple[LexborNode | None, int]] = [(root.child, 0)]
    while left:
        node, depth = left.pop()
        if node is None:
            flush()  # the end of some container
            continue
        left.append((node.next, depth))
        if node.tag not in _BLOCKS and not _holds_blocks(node):
            loose.append(_inline(node))
            continue
        flush()
        block = _block(node)
        if block is not None:
            blocks.append(block)
        elif depth < _MAX_DEPTH and node.tag not in _HEADINGS | {"p", "pre", "table", "dl", "ol", "ul"}:
            left.append((node.child, depth + 1))
    flush()
    return blocks


def _holds_blocks(node: LexborNode) -> bool:
    return node.is_element_node and node.css_first("p, div, ul, ol, dl, table, pre, h1, h2, h3, h4, h5, h6") is not None


def _block(node: LexborNode) -> Block | None:
    tag = node.tag or ""
    if tag in _HEADINGS or tag == "p":
        text = _flat(_inline(node)).rstrip("¶#").rstrip() if tag != "p" else _flat(_inline(node))
        kind_level = int(tag[1]) if tag != "p" else 0
        return Block("heading" if kind_level else "paragraph", text, level=kind_level) if text else None
    if tag == "pre":
        return _pre(node)
    if tag == "table":
        return _table(node)
    if tag == "dl":
        return _definition_list(node)
    if tag in {"ol", "ul"}:
        return _list(node)
    if tag == "blockquote":
        text = _flat(_inline(node))
        return Block("other", f"> {text}") if text else None
    return None


def _pre(node: LexborNode) -> Block | None:
    code = (node.text(deep=True) or "").strip("\n").rstrip()
    if not code:
        return None
    inner = node.css_first("code")
    names = " ".join(filter(None, [(n.attributes.get("class") or "") for n in (node, inner) if n is not None]))
    found = re.search(r"\b(?:language|lang|highlight-source)-([\w+#-]+)", names)
    language = found[1].lower() if found else ""
    fence = "`" * max(3, max((len(run) for run in re.findall(r"`+", code)), default=0) + 1)
    return Block("code", f"{fence}{language}\n{code}\n{fence}", language=language, code=code)


def _table(node: LexborNode) -> Block | None:
    """Read a table of texts; one that holds tables, lists or code serves as layout and is passed over."""
    found = _children(node, {"tr"}, through={"thead", "tbody", "tfoot"})
    rows = []
    for row in found:
        cells = _children(row, {"th", "td"})
        if any(cell.css_first("table, ul, ol, pre, dl") is not None for cell in cells):
            return None
        rows.append(Row(tuple(_flat(_inline(cell)).replace("|", "\\|") for cell in cells)))
    rows = [row for row in rows if any(row.cells)]
    if len(rows) < 2:
        return None
    lines = ["| " + " | ".join(row.cells) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0].cells))
    header = bool(_children(found[0], {"th"}))
    return Block("table" if header else "other", "\n".join(lines), rows=tuple(rows))


def _children(node: LexborNode, wanted: set[str], through: Collection[str] = ()) -> list[LexborNode]:
    """Direct children with these tags, also those within direct children with the tags of ``through``."""
    found = []
    for child in node.iter():
        if child.tag in wanted:
            found.append(child)
        elif child.tag in through:
            found.extend(inner for inner in child.iter() if inner.tag in wanted)
    return found


def _definition_list(node: LexborNode) -> Block | None:
    terms: list[tuple[str, str]] = []
    names: list[str] = []
    for part in _children(node, {"dt", "dd"}, through={"div"}):
        text = "" if part.css_first("dl") is not None else _flat(_inline(part))
        if part.tag == "dt":
            names.append(text)
        elif names and text:
            terms.extend((name, text) for name in names if name)
            names = []
    text = "\n".join(f"**{term}**: {meaning}" for term, meaning in terms)
    return Block("terms", text, terms=tuple(terms)) if terms else None


def _list(node: LexborNode) -> Block | None:
    lines = _list_lines(node, 0)
    if not lines or node.css_first("pre, table, dl") is not None:
        return Block("other", "\n".join(lines)) if lines else None
    items = [
        Item(_flat(_inline(item, nested=False)), simple=item.css_first("ul, ol") is None)
        for item in node.iter()
        if item.tag == "li"
    ]
    kept = tuple(item for item in items if item.text)
    return Block("steps" if node.tag == "ol" else "bullets", "\n".join(lines), items=kept) if kept else None


def _list_lines(node: LexborNode, depth: int) -> list[str]:
    """A list and the lists in its items, as lines of Markdown."""
    lines: list[str] = []
    start = node.attributes.get("start") or "1"
    number = int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 1
    for item in node.iter():
        text = _flat(_inline(item, nested=False)) if item.tag == "li" else ""
        if not text:
            continue
        marker = f"{number}. " if node.tag == "ol" else "- "
        lines.append("   " * depth + marker + text)
        number += 1
        if depth < _MAX_LIST_DEPTH:
            for inner in item.css("ul, ol"):
                if inner.parent is not None and inner.parent.mem_id == item.mem_id:
                    lines.extend(_list_lines(inner, depth + 1))
    return lines


def _inline(node: LexborNode, *, nested: bool = True) -> str:
    """Text with code and bold marked as Markdown marks them; without the lists in it unless ``nested``."""
    out: list[str] = []
    left: list[LexborNode | str] = [node]
    while left:
        part = left.pop()
        if isinstance(part, str):
            out.append(part)
        elif part.is_text_node:
            out.append(part.text_content or "")
        elif part.is_element_node and (nested or part.tag not in {"ul", "ol"}):
            mark = _MARK.get(part.tag or "", "") if (part.text(deep=True) or "").strip() else ""
            space = " " if part.tag in _BLOCKS or part.tag == "br" else ""
            left.append(mark + space)
            left.extend(reversed(list(part.iter(include_text=True))))
            left.append(space + mark)
    return "".join(out)


def _flat(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
