"""What a lead-in promises: the sentence before a list, a table or a block of code, usually ending with a colon.

Flows in: a paragraph as Markdown. Flows out: the goal it names (``restore the database``), or what it says about the
thing that follows. Nothing is guessed: a lead-in that fits no pattern gives an empty text.
"""

from __future__ import annotations

import re

from ._grammar import is_imperative, plain
from ._wording import is_goal

_SENTENCE = re.compile(r"(?<!\.\.\.)(?<=[.!?])\s+(?=[A-Z`\"(])")
_STEP_WORDS = (
    r"(?:the )?(?:following|these|next)?\s*(?:\w+ )?(?:steps?|commands?|procedure|order|sequence|checklist|recipe)"
)
_TO_FIRST = re.compile(r"(?i)^(?:in order )?to (?!(?:the|a|an|this|that)\b)(.+)$")
_TO_LAST = [
    re.compile(rf"(?i)^(?:follow|use|take|work through|go through|run|do) {_STEP_WORDS} (?:in order )?to (.+)$"),
    re.compile(
        rf"(?i)^(?:the|these|here are the|these are the) {_STEP_WORDS} (?:needed |required )?to (.+?)(?: "
        rf"are| is)?(?: as follows)?$"
    ),
    re.compile(r"(?i)^(?:here is|this is|here's) how (?:to|you) (.+)$"),
    re.compile(r"(?i)^(?:the following|this|the)(?: [\w`]+){1,3} (?:shows|demonstrates|illustrates) how to (.+)$"),
    re.compile(
        r"(?i)^(?:the following|these)(?: [\w`]+){0,2} (?:statements|commands|queries|lines|settings|"
        r"pragmas|functions|calls|scripts) (?!(?:are|were|have|do|can|will|must|should)\b)([a-z]+ .+)$"
    ),
    re.compile(r"(?i)^(?:do|use|run|try|execute|issue) (?:this|the following|these)(?: [\w`]+){0,2} to (.+)$"),
    re.compile(
        r"(?i)^(?:the following|this|these|one|a single|the)(?: [\w`]+){1,3} (?:is|are) (?:enough|needed|"
        r"used|all it takes) to (.+)$"
    ),
    re.compile(
        r"(?i)^you can (?!(?:also|then|now|only|still|see|do)\b)(.+?) (?:with|by using|using|like this|as "
        r"follows|this way)(?: (?:this|the following|one|a single|these)(?: [\w`]+){0,3})?$"
    ),
    re.compile(
        r"(?i)^(?:the )?(?:safe|safest|usual|simplest|easiest|shortest|right|correct|quickest|fastest|"
        r"best) way to (.+?) is(?: (?:this|as follows|the following|with|to use|to run)(?: [\w`]+){0,3})?$"
    ),
]  # fmt: skip
_SEQUENCE = re.compile(
    r"(?i)^(?:first|then|next|now|finally|afterwards|after that|lastly|instead|otherwise|also|again),?\s"
)
_MAKER = re.compile(
    r"(?i)^(?:the following|this|the|here is an?|a|an) (?P<sort>(?:[\w-]+ ){0,2}?)(?P<what>query|"
    r"statement|command|script|function|"
    r"snippet|trigger|view|pragma|program|class|code|example|expression|loop|helper|wrapper|handler|"
    r"test|context manager|"
    r"decorator|method|index|table|migration|schema|listing|definition|configuration|unit)(?: below)? "
    r"(?:that )?(?P<does>[a-z]+s) (?P<rest>.+)$"
)


def last_sentence(paragraph: str) -> str:
    """Give the last sentence of a paragraph as plain text, without its colon or full stop."""
    return _SENTENCE.split(plain(paragraph))[-1].rstrip(" :.")


def leads(paragraph: str) -> bool:
    """Whether a paragraph announces what comes next."""
    return paragraph.rstrip().rstrip("*_").endswith(":")


def goal(paragraph: str) -> str:
    """Find what a lead-in says is to be done, as an infinitive without *to*; empty when it does not say."""
    sentence = last_sentence(paragraph)
    if _SEQUENCE.match(sentence):
        return ""
    phrase = ""
    first = _TO_FIRST.match(sentence)
    if first:
        phrase = _before_the_main_clause(first[1])
    elif match := next((m for pattern in _TO_LAST if (m := pattern.match(sentence))), None):
        phrase = match[1]
    elif is_imperative(sentence) and leads(paragraph):
        phrase = re.sub(r"(?i)(?:,? (?:like this|as follows|in this order|with one command|this way))$", "", sentence)
        phrase = phrase[:1].lower() + phrase[1:]
    phrase = phrase.strip(" ,")
    return phrase if phrase and is_goal(phrase) and ": " not in phrase else ""


def _before_the_main_clause(rest: str) -> str:
    """Cut ``restore a backup, stop the writers first`` at the comma where the main clause begins."""
    for match in re.finditer(r",\s+", rest):
        tail = rest[match.end() :]
        if len(rest[: match.start()].split()) < 2 or re.match(r"\w+ (?:or|and)\b", tail):
            continue  # a row of verbs: "add, rename or drop a column"
        if is_imperative(tail) or re.match(r"(?i)(?:you|we|one|it|there|the|this|then|first|all|simply|just)\b", tail):
            return rest[: match.start()]
    return rest


def maker(paragraph: str) -> tuple[str, str, str]:
    """Read ``This short query lists every index:`` as ``("short", "query", "lists every index")``.

    :returns: three empty texts when it says nothing of the kind.
    """
    match = _MAKER.match(last_sentence(paragraph))
    if match is None or match["does"].lower() in {"is", "was", "has", "does", "goes", "looks", "follows"}:
        return "", "", ""
    clause = f"{match['does'].lower()} {match['rest']}"
    if not is_goal(clause) or ": " in clause:
        return "", "", ""
    sort = match["sort"].strip()
    if re.search(r"(?i)\b(?:same|other|first|second|third|last|next|previous|whole|following|above)\b", sort):
        return "", "", ""  # it is told apart from another block
    return sort, match["what"].lower(), clause
