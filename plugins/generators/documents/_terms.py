"""Bold terms, definition lists and sentences like "A checkpoint is a ..." -> definitions, asked both ways.

Forwards: what does the term mean. Backwards, where the definition does not hold the term: which term is this. A bold
word that is a label (Note, Symptom, Step 1) or a piece of advice (a sentence, a command) is no term.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .._reading import Block, Section
from ._grammar import FUNCTION_WORDS, is_imperative, n_words, plain, unresolved, words
from ._triple import Triple
from ._wording import HERE, Voice, choose, clean_heading

_LABELS = re.compile(
    r"(?i)^(?:note|notes|warning|caution|important|tip|hint|danger|info|example|examples|symptoms?|"
    r"causes?|fix|fixes|answer|"
    r"question|q|a|result|output|input|why|how|when|where|what|who|default|steps?(?: \d+)?|first|"
    r"second|third|then|next|"
    r"finally|pros|cons|advantages?|disadvantages?|yes|no|always|never|do|don't|before|after|remember|goal|cost|check|"
    r"problem|solution|rule(?: \d+)?|option \w+|\W*\d+\W*|today|now|todo|in short|summary|exception|details?)$"
)
_BOLD = re.compile(
    r"^(?:(?P<article>An?|The)\s+)?(?P<mark>\*\*|__)(?P<term>[^*_\n].*?)(?P=mark)(?P<rest>.+)$", re.DOTALL
)
_LINK = re.compile(r"^\s*(?:\([^()]{1,60}\)\s*)?(?P<sign>:|—|–|-{1,2}(?=\s))\s*(?P<text>\S.+)$", re.DOTALL)
_VERB = re.compile(r"^\s*(?:\([^()]{1,60}\)\s*)?(?P<be>is|are|means|refers to|describes|denotes|stands for)\s+\S")
_IS_A = re.compile(
    r"^(?P<article>An?|The)?\s*(?P<term>[A-Za-z`][\w`*.()/-]*(?:\s+[\w`*./()-]+){0,4}?)\s+(?P<be>is|"
    r"are|means|is called)\s+"
    r"(?P<next>an?|the|any|one|what|how|when|that|every)\b"
)
_NO_SUBJECT = FUNCTION_WORDS | words(
    "alternative another answer anything bad best better common cost default difference easiest everyone "
    "everything exception first following goal good he here i idea it last main next nothing one only point price "
    "problem reason result rule safest second she simplest solution something such there they trick usual we "
    "worst you"
)
_GLOSSARY = re.compile(r"(?i)\b(glossary|terms?|terminology|vocabulary|definitions?|words|concepts?|names)\b")
_MEANT = re.compile(r"(?i)^(?:you|we|they|it|these|those|do|don't|never|always|if|see|yes|no|same|i)\b")


_RIDDLES = [
    "Which term matches this definition?",
    "What is the name for the following?",
    "Name the term that is defined here.",
    "What is this called?",
]
_JUDGED = re.compile(
    r"(?i)\b(?:an?|the|one)\s+(?:[\w-]+\s+)?(?:poor|good|bad|sensible|better|worse|common|safe|unsafe|"
    r"great|fine|wise|useful|wrong|"
    r"right|reasonable|usual|different|big|large|small|real|typical|mistake|matter|problem|risk|sign|"
    r"reason|choice|must)\b"
)


@dataclass(frozen=True)
class _Term:
    """One definition.

    :ivar asked: the term as it can stand in a question (``a checkpoint``); empty when it has to be quoted.
    :ivar riddle: words that define the term without naming it; empty when there are none.
    :ivar bold: it is marked as a term, not only used as one.
    """

    name: str
    asked: str
    plural: bool
    definition: str
    riddle: str
    block: Block
    lines: tuple[int | None, int | None]
    bold: bool = True


def make_terms(section: Section, voice: Voice) -> Iterator[Triple]:
    """Make one or two triples per definition in a section."""
    heading = clean_heading(section.heading.text) if section.heading is not None else ""
    glossary = bool(_GLOSSARY.search(heading))
    for block in section.body:
        for term in _terms(block, voice, glossary=glossary):
            if term.bold or not heading.endswith("?"):  # else it is the answer to the heading
                yield Triple("definition", voice.place(_ask(term, voice)), term.definition, (block,), lines=term.lines)
            if term.riddle:
                wanted = voice.place(choose(_RIDDLES, term.name))
                yield Triple("definition", wanted, term.name, (block,), term.riddle, term.lines, names=True)


def _ask(term: _Term, voice: Voice) -> str:
    if term.asked:
        be = "are" if term.plural else "is"
        forms = [f"What {be} {term.asked}{HERE}?", f"Explain what {term.asked} {be}{HERE}."]
        if not term.plural:
            forms.append(f"What is meant by {term.asked}{HERE}?")
        return choose(forms, term.asked)
    name = term.name if term.name.startswith("`") else f'"{voice.words.lower_first(term.name)}"'
    forms = [
        f"What does the term {name} mean{HERE}?",
        f"Define the term {name}{HERE}.",
        f"What is meant by {name}{HERE}?",
        f"What does {name} refer to{HERE}?",
        f"Explain the term {name}{HERE}.",
    ]
    return choose(forms, term.name)


def _terms(block: Block, voice: Voice, *, glossary: bool) -> Iterator[_Term]:
    span = (block.line_start, block.line_end)
    if block.kind == "terms":
        for name, text in block.terms:
            if _is_term(plain(name)):
                yield _Term(plain(name), "", False, text, _riddle(plain(name), text), block, span)
    elif block.kind == "paragraph":
        found = _bold_term(block.text, block, span, voice) or _sentence_term(block, span, voice)
        if found is not None:
            yield found
    elif block.kind in {"bullets", "steps"} and len(block.items) >= 2:
        terms = [
            _bold_term(item.text, block, (item.line_start, item.line_end), voice) if item.simple else None
            for item in block.items
        ]
        known = [term for term in terms if term is not None]
        # Where most items do not define, bold words at their head are labels.
        if len(known) * 2 > len(terms) and (glossary or _all_describe(known)):
            yield from known


def _all_describe(terms: Sequence[_Term]) -> bool:
    return not any(_MEANT.match(plain(term.definition)) or is_imperative(plain(term.definition)) for term in terms)


def _bold_term(text: str, block: Block, lines: tuple[int | None, int | None], voice: Voice) -> _Term | None:
    match = _BOLD.match(text)
    if match is None:
        return None
    raw = match["term"].strip()
    name = plain(raw).rstrip(":").strip()
    if not _is_term(name):
        return None
    rest = ":" + match["rest"] if raw.endswith(":") else match["rest"]
    if verb := _VERB.match(rest):
        asked = _asked(match["article"] or "", name, voice)
        riddle = _riddle(name, _first_sentence(rest[verb.end("be") :])) if verb["be"] in {"is", "are"} else ""
        return _Term(name, asked, verb["be"] == "are", text, riddle, block, lines)
    link = _LINK.match(rest)
    if link is None or match["article"] or _MEANT.match(link["text"]) or n_words(link["text"]) < 4:
        return None
    if is_imperative(plain(link["text"])):
        return None
    return _Term(name, "", False, link["text"], _riddle(name, link["text"]), block, lines)


def _sentence_term(block: Block, lines: tuple[int | None, int | None], voice: Voice) -> _Term | None:
    match = _IS_A.match(block.text)
    if match is None or block.text.rstrip().endswith(":") or _JUDGED.match(block.text[match.start("next") :]):
        return None
    name, article = plain(match["term"]), match["article"] or ""
    parts = [word.lower().strip("`") for word in name.split()]
    if any(word in _NO_SUBJECT or word[:1].isdigit() for word in parts) or not _is_term(name):
        return None
    if article == "The" and len(parts) < 2:
        return None
    asked = _asked(article, name, voice) or voice.words.lower_first(name)
    return _Term(name, asked, match["be"] == "are", block.text, "", block, lines, bold=False)


def _asked(article: str, name: str, voice: Voice) -> str:
    """The term with the article that the sentence or the document gives it; empty when a question would lack one."""
    small = voice.words.lower_first(name)
    if article:
        return f"{article.lower()} {small}"
    if " " not in small and any(sign.isupper() for sign in small[1:]):
        return small  # an acronym or a name
    known = voice.words.with_article(small, indefinite=True)
    single = len(name.split()) == 1 and (name.isupper() or not name[:1].isupper())
    return known if known != small or name.endswith("s") or single else ""


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`*\"(])", text.strip())[0]


def _is_term(name: str) -> bool:
    words = name.split()
    if not words or len(words) > 5 or name[-1] in ".!?,;" or _LABELS.match(name) or unresolved(name):
        return False
    return (
        not is_imperative(name)
        and any(sign.isalpha() for sign in name)
        and (words[0].isupper() or words[0].lower() not in FUNCTION_WORDS)
    )


def _riddle(name: str, definition: str) -> str:
    """Give the definition as a riddle; empty when it gives the term away."""
    folded = plain(definition).lower()
    stems = [word.lower()[: max(4, len(word) - 3)] for word in re.findall(r"\w+", name) if len(word) > 2]
    if (
        n_words(definition) < 6
        or unresolved(plain(definition)[:40])
        or not stems
        or any(stem in folded for stem in stems)
    ):
        return ""
    return definition
