"""Tables -> the whole table by its lead-in or heading, and single cells by row and column.

A cell is asked for only where its column's name can be asked about (``Meaning``, ``Default value``, ``What it does``)
and its row has a name. The output is the cell or the table as it stands in the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .._reading import Block, Row, Section
from ._grammar import join_words, plain, unresolved, words
from ._leads import last_sentence, leads
from ._triple import Triple
from ._wording import HERE, Topic, Voice, choose

_TABLE_SAYS = re.compile(
    r"(?i)^(?:the|this|the following) table (?:below )?(?P<does>compares|lists|summari[sz]es|gives|"
    r"shows|names|describes|maps|"
    r"says|tells|explains|sets out|contrasts) (?P<what>(?!it\b|them\b|you\b).+)$"
)
_WHAT_IT = re.compile(r"(?i)^what (?:it|this|they) (?P<verb>[a-z]+?)s?(?P<rest> [a-z ]+)?$")
_S_VERB = re.compile(r"(?i)^(?P<verb>[a-z]+?)s(?P<rest> (?:for|from|to|against|on|with|in|when))?$")
_VERBS = words(
    "accept add affect allow block buy catch change check contain control cost cover create detect do find give "
    "happen hold ignore keep lock mean measure need prevent protect read remove report require return show stop "
    "store suit survive tell use wait write"
)
_SPECIAL = (
    (re.compile(r"(?i)^(?:meaning|what does it mean)$"), "What does {named} mean?"),
    (re.compile(r"(?i)^(?:purpose|used? for|use it for)$"), "What is {named} used for?"),
    (re.compile(r"(?i)^(?:suitable|suited|good|best|right|useful) for$"), "What is {named} {column}?"),
    (re.compile(r"(?i)^(?:description|explanation|definition)$"), "Describe {named}."),
    (re.compile(r"(?i)^(?:notes?|remarks?|comments?|details?)$"), "What should I know about {named}?"),
    (re.compile(r"(?i)^(?:when to use(?: it| them)?|use (?:it )?when|use when|when)$"), "When should I use {named}?"),
    (re.compile(r"(?i)^(?:what to do|action|do this|response|what helps)$"), "What should I do about {named}?"),
    (re.compile(
        r"(?i)^(?:check first|first check|look at first|what to check(?: first)?)$"
    ), "What should I check first for {named}?"),
    (re.compile(r"(?i)^(?:where to look|look at)$"), "Where should I look in the case of {named}?"),
)  # fmt: skip
#: Column names that can stand after "what is the".
_COLUMN_NOUNS = words(
    "action advantage alternative answer argument author behavior behaviour benefit capacity category cause class "
    "command complexity condition consequence content cost cure default definition description difference "
    "disadvantage dose drawback effect equivalent error example exception expression fix format formula frequency "
    "function goal guarantee impact instruction interpretation interval kind language layout length level "
    "likelihood limit limitation location lock maximum meaning measure mechanism method minimum mitigation mode "
    "name norm number objective operation operator option order origin outcome output owner parameter part path "
    "pattern penalty period port position price priority problem procedure product property purpose query range "
    "rate reaction reason recommendation remedy replacement requirement response responsibility result return "
    "risk role rule scope setting severity shape sign size solution source speed standard state statement status "
    "step strength subject suffix symptom syntax target task test threshold time timeout title tool trade-off "
    "treatment trigger type unit usage use value variable variant version weakness weight width"
)
#: Those of them that a thing has: "the default of X"; others are asked for as "for X, what is the cure".
_OWNED = words(
    "cost default definition effect length meaning name purpose result role size title type unit value version"
)
_NOUN_ENDINGS = ("tion", "ment", "ity", "ness", "ance", "ence", "ency", "sis", "ture", "ship")
_NOT_NOUN = re.compile(r"(?i)\b(?:you|if|when|what|how|why|where|who|which|it|do|does|is|are|can|or|and)\b|[?/&,]")
_NO_KEY = words("you want situation need question task goal problem do instead")
_MAX_KEY_WORDS = 8


def make_tables(section: Section, voice: Voice) -> Iterator[Triple]:
    """Make one triple per table that can be asked for, and one per cell that can."""
    topic = voice.topic_of(section)
    for number, block in enumerate(section.body):
        if block.kind != "table" or len(block.rows) < 3 or len(block.rows[0].cells) < 2:
            continue
        before = section.body[number - 1] if number else None
        lead = before if before is not None and before.kind == "paragraph" and leads(before.text) else None
        asked = _ask_table(block, lead, topic)
        if asked:
            yield Triple("table", voice.place(asked), section.document.span((block,)), (block,))
        yield from _cells(block, voice)


def _ask_table(block: Block, lead: Block | None, topic: Topic | None) -> str:
    sentence = last_sentence(lead.text) if lead is not None else ""
    if (match := _TABLE_SAYS.match(sentence)) and not unresolved(match["what"]):
        opening = choose(["Give me a table that", "Make a table that", "Draw up a table that"], sentence)
        return f"{opening} {match['does'].lower()} {match['what']}{HERE}."
    if topic is None:
        return ""
    names = [plain(cell) for cell in block.rows[0].cells]
    small = [name if _keeps_capitals(name) else name[:1].lower() + name[1:] for name in names]
    if not all(names) or len(names) > 5 or len(set(names)) < len(names):
        return ""
    columns = join_words([f'"{name}"' for name in names]) if any(map(_NOT_NOUN.search, names)) else join_words(small)
    text = topic.text
    forms = {
        "question": [f"{text} Answer with a table with the columns {columns}."],
        "clause": [f"Show in a table {text}{HERE}, with the columns {columns}."],
        "activity": [f"Make a table for {text}{HERE}, with the columns {columns}."],
        "thing": [
            f"Make a table of {text}{HERE}, with the columns {columns}.",
            f"Summarise {text}{HERE} in a table: {columns}.",
        ],
        "goal": [f"Make a table on how to {text}{HERE}, with the columns {columns}."],
    }.get(topic.form, [f'Make a table for "{topic.heading}", with the columns {columns}.'])
    return choose(forms, text)


def _cells(block: Block, voice: Voice) -> Iterator[Triple]:
    header, *rows = block.rows
    kind_of_key = plain(header.cells[0])
    if (
        not kind_of_key
        or _NOT_NOUN.search(kind_of_key)
        or len(kind_of_key.split()) > 3
        or kind_of_key.lower() in _NO_KEY
    ):
        return
    keys = [plain(row.cells[0]) for row in rows]
    if len(set(keys)) < len(keys):
        return  # a row that does not stand for itself
    for row, key in zip(rows, keys, strict=True):
        if len(row.cells) != len(header.cells) or not _can_name(key):
            continue
        for name, cell in zip(header.cells[1:], row.cells[1:], strict=True):
            asked = _ask_cell(kind_of_key, key, plain(name))
            if asked and len(cell.split()) > 1:
                yield Triple(
                    "table", voice.place(asked), _verbatim(cell, row, block), (block,), lines=_lines(row, block)
                )


def _ask_cell(kind_of_key: str, key: str, column: str) -> str:
    kind = kind_of_key if _keeps_capitals(kind_of_key) else kind_of_key.lower()
    short = len(key.split()) == 1 or re.fullmatch(r"`[^`]+`", key) is not None
    named = f"the {kind} {key}" if short else f'the {kind} "{key}"'
    if short and key.lower().endswith(kind):
        named = f"the {key}"
    asked = _question(named, column)
    return asked[:-1] + HERE + asked[-1] if asked else ""


def _question(named: str, column: str) -> str:
    """Ask for a column of a row; empty when the column's name gives no sound question."""
    small = column if _keeps_capitals(column) else column.lower()
    for pattern, form in _SPECIAL:
        if pattern.match(column):
            return form.format(named=named, column=small)
    for match in (_WHAT_IT.match(column), _S_VERB.match(column)):
        if match and (verb := match["verb"].lower()) in _VERBS:
            return f"What does {named} {verb}{match['rest'] or ''}?"
    parts = small.split()
    if _NOT_NOUN.search(column) or not 1 <= len(parts) <= 4:
        return ""
    heads = parts if " of " not in small and " at " not in small and " in " not in small else parts[:1]
    head = heads[-1].lower()
    plural = head.endswith("s") and head[:-1] in _COLUMN_NOUNS
    if not plural and head not in _COLUMN_NOUNS and not head.endswith(_NOUN_ENDINGS):
        return ""
    be = "are" if plural else "is"
    if '"' in named or len(heads) < len(parts) or head not in _OWNED:
        return f"For {named}, what {be} the {small}?"
    return choose([f"What {be} the {small} of {named}?", f"For {named}, what {be} the {small}?"], named + small)


def _can_name(key: str) -> bool:
    return (
        bool(key)
        and len(key.split()) <= _MAX_KEY_WORDS
        and any(s.isalnum() for s in key)
        and not key.endswith((":", "?", "."))
    )


def _keeps_capitals(name: str) -> bool:
    return "`" in name or any(sign.isupper() for sign in name[1:])


def _verbatim(cell: str, row: Row, block: Block) -> str:
    """The cell, or nothing where the source writes it otherwise (an escaped bar)."""
    if row.line is None or block.line_start is None:
        return cell
    line = block.text.split("\n")[row.line - block.line_start]
    return cell if cell in line else ""


def _lines(row: Row, block: Block) -> tuple[int | None, int | None]:
    return (row.line, row.line) if row.line is not None else (block.line_start, block.line_end)
