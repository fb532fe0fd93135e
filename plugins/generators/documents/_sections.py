"""Headings with what stands under them -> questions and sections; "Q: ... A: ..." -> questions.

A section is made only where it says more than the list, table, code or definition that another maker took from it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from .._reading import Block, Section
from ._grammar import as_mine, n_words, plain, unresolved
from ._leads import leads
from ._triple import Triple, is_whole, leans_back
from ._wording import HERE, Topic, Voice, choose, is_goal

_ASKED = re.compile(
    r"^\s*(?:[-*>]\s+)?(?:\*\*|__)?(?:Q|Question|FAQ)\s?\d{0,3}\s?[:.)](?:\*\*|__)?\s*(?P<text>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
_ANSWERED = re.compile(
    r"^\s*(?:\*\*|__)?(?:A|Answer)\s?\d{0,3}\s?[:.)](?:\*\*|__)?\s*(?P<text>\S.*)$", re.IGNORECASE | re.DOTALL
)
_BOLD_QUESTION = re.compile(r"^(?:\*\*|__)(?P<text>[^*_\n][^\n]*\?)(?:\*\*|__)\s*(?:\n(?P<answer>\S.*))?$", re.DOTALL)
_PROSE_SHARE = 0.3  # less prose than that and the section is little but its list, table or code


def make_sections(section: Section, voice: Voice, taken: Collection[Block]) -> Iterator[Triple]:
    """Make the triple of a section, of its question heading, or of the questions and answers in it.

    :param taken: blocks that other makers have asked for by themselves.
    """
    pairs = list(_pairs(section, voice))
    yield from pairs
    topic = voice.topic_of(section)
    if topic is None or pairs or not section.body or section.heading is None or section.heading.partial:
        return
    body = _own_words(section.body, taken) or (section.body if topic.form == "question" else ())
    if not body or leans_back(body[0].text):
        return
    text = section.document.span(body)
    if topic.form == "question":
        yield Triple("question", voice.place(_question(topic)), text, body)
    elif _is_prose(body):
        yield Triple("section", voice.place(_ask(topic)), text, body)


def _own_words(body: Sequence[Block], taken: Collection[Block]) -> tuple[Block, ...]:
    """What stands before the first block that has a question of its own, its lead-in included.

    A section often goes on to neighbouring matters; its first words are the ones that answer its heading.
    """
    end = next((number for number, block in enumerate(body) if block in taken), len(body))
    if 0 < end < len(body) and leads(body[end - 1].text):
        end -= 1
    return tuple(body[:end])


def _question(topic: Topic) -> str:
    asked = topic.text[0].upper() + topic.text[1:]
    return asked[:-1] + HERE + "?" if n_words(asked) <= 9 else asked


def _is_prose(body: Sequence[Block]) -> bool:
    prose = sum(n_words(block.text) for block in body if block.kind == "paragraph" and not leads(block.text))
    total = sum(n_words(block.text) for block in body)
    return prose >= _PROSE_SHARE * total


def _ask(topic: Topic) -> str:
    text = topic.text
    mine = as_mine(text)
    if topic.form == "goal" and (unresolved(text) or not is_goal(text)):
        return f'Explain this advice: "{topic.heading}".'
    forms = {
        "goal": [
            f"How do I {mine}{HERE}?",
            f"Give me advice on how to {text}{HERE}.",
            f"Explain how to {text}{HERE}.",
            f"What should I know if I want to {mine}{HERE}?",
        ],
        "activity": [
            f"What should I know about {mine}{HERE}?",
            f"Explain what matters when it comes to {text}{HERE}.",
            f"Give me advice on {text}{HERE}.",
            f"How should I go about {mine}{HERE}?",
        ],
        "clause": [f"Explain {text}{HERE}.", f"Tell me {text}{HERE}.", f"I would like to understand {text}{HERE}."],
        "setting": [f"What should I know {mine}?", f"What matters {mine}?"],
        "statement": [f'What is meant by "{topic.heading}"?', f'Explain this statement: "{topic.heading}".'],
        "thing": [
            f"Explain {text}{HERE}.",
            f"What should I know about {text}{HERE}?",
            f"Tell me about {text}{HERE}.",
            f"Give me an overview of {text}{HERE}.",
            f"Describe {text}{HERE}.",
        ],
    }.get(topic.form, [f'Write a short section with the heading "{topic.heading}".'])
    return choose(forms, text)


def _pairs(section: Section, voice: Voice) -> Iterator[Triple]:
    """Questions and answers that the text marks as such."""
    question, found, answer = "", False, list[Block]()
    opening = ""

    def finish() -> Iterator[Triple]:
        if not question or not found or not answer or not is_whole(answer):
            return
        rest = section.document.span(answer)
        output = rest[rest.index(opening) :] if opening in rest else ""
        yield Triple("question", voice.place(question), output, tuple(answer))

    for block in section.body:
        is_paragraph = block.kind == "paragraph"
        asked = _ask_and_answer(block.text) if is_paragraph else None
        answered = _ANSWERED.match(block.text) if is_paragraph and not asked else None
        if asked is not None:
            yield from finish()
            question, opening = asked
            found, answer = bool(opening), [block] if opening else []
        elif question and answered and not found:
            found, opening, answer = True, answered["text"], [block]
        elif question and found:
            answer.append(block)
    yield from finish()


def _ask_and_answer(text: str) -> tuple[str, str] | None:
    """A question, and the answer that stands in the same paragraph; empty when it stands in the next."""
    if match := _ASKED.match(text):
        lines = match["text"].split("\n")
        for number, line in enumerate(lines[1:], start=1):
            if answer := _ANSWERED.match("\n".join(lines[number:])):
                return plain("\n".join(lines[:number])), answer["text"]
            if _ANSWERED.match(line):
                break
        return plain(match["text"].removesuffix("**")), ""
    if match := _BOLD_QUESTION.match(text):
        answer_text = match["answer"] or ""
        marked = _ANSWERED.match(answer_text)
        return plain(match["text"]), marked["text"] if marked else answer_text
    return None
