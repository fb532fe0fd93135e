"""How instructions are worded: the forms of a heading, the choice among templates, and the context.

A template is chosen by a hash of what it is filled with, never by chance: the same document gives the same words.
Flows in: headings and lead-ins as plain text. Flows out: sentences that can be understood without the document.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from insgen import content_hash

from .._reading import Section
from ._grammar import FUNCTION_WORDS, Vocabulary, is_imperative, plain, unresolved, words

Form = Literal["question", "goal", "activity", "clause", "setting", "statement", "thing", "other"]

#: Stands in a template where the context can be named; no cleaned text holds it.
HERE = "\x1f"
_LONGEST_ACRONYM = 5  # letters; a heading with several longer words in capitals is shouted, not abbreviated
_ENOUGH_WORDS = 5  # an instruction with more words of its own than that is clear without a title

_NUMBERING = re.compile(
    r"^(?:(?:chapter|part|section|step|appendix)\s+\w{1,4}\s*[:.–—-]\s*|\d+(?:\.\d+)*[.):]?\s+)", re.I
)  # dashes as written
_CLAUSE = re.compile(r"(?i)^(why|when|where|what|which|who|whose|whether|how)\b")
_ASKING = re.compile(r"(?i)^(what|which|who|how|why|where|when)\s+(is|are|was|were|does|do|did|can|should|will|must)\b")
#: Headings that say nothing without the one above them.
_PART_NAMES = words(
    "advantages background basics benefits cause causes caveats checklist checks conclusion cost costs defaults "
    "definition details diagnosis disadvantages drawbacks example examples exceptions fix fixes guidelines "
    "implementation important introduction limitations limits method note notes options outline overview pitfalls "
    "prerequisites prevention problem problems procedure purpose reasons recipe remedy requirements result "
    "results risks rules setup solution steps summary symptom symptoms terminology terms tips trade-offs "
    "treatment troubleshooting usage verification warning warnings workaround"
)
_STATEMENT = re.compile(
    r"^(?!.*\b(?:that|which|who|to|why|how|what)\b.*)(?:[\w`'-]+\s){1,4}(?:is|are|has|have|can|cannot|"
    r"does|do|must|should|will|"
    r"needs?|runs|uses|makes|keeps|takes|gives|costs|stays|works|lives|belongs|means|holds|stops|"
    r"grows|helps|matters|lets|"
    r"loses|protects|depends|allows|requires|beats|wins|decides|comes|goes|gets|fails)\s\S"
)
#: What a title says about the document and not about its matter.
_BOOK = re.compile(
    r"(?i)^(?:an? |the )?(?:\w+ )?(?:guide|introduction|handbook|manual|notes|primer) (?:to|on|of|for|about) |"
    r"\s(?:handbook|guide|manual|documentation|docs|tutorial|reference|cookbook|faq|wiki|notes|primer)$"
)
_OPENS_NO_NOUN = re.compile(
    r"(?i)^(?:beyond|from|on|in|at|as|by|to|into|with|under|over|through|against|about|not|only|and|or|but|so)\b"
)
#: Headings over what is no text to learn from.
_NOT_TEXT = re.compile(
    r"(?i)^(table of )?contents$|^references$|^bibliography$|^further reading$|^see also$|^index$|"
    r"^links?$|^licen[cs]e$|"
    r"^change ?log$|^acknowledge?ments?$|^about (this|the) |^related\b|^(the )?frequently asked "
    r"questions|^faq|^q&a|^sources$|^author|^colophon$|^copyright"
)


@dataclass(frozen=True)
class Topic:
    """A heading as it can stand within a sentence.

    :ivar form: ``question`` (asks by itself), ``goal`` (infinitive without *to*), ``activity`` (begins with *-ing*),
        ``clause`` (*why ...*, *what ...* in the order of a statement), ``setting`` (*before ...*), ``statement``
        (has a subject and a verb), ``thing`` (names something), ``other`` (can only be quoted).
    :ivar text: the words, small where that is safe, without the mark at the end.
    :ivar heading: the heading itself as plain text.
    """

    form: Form
    text: str
    heading: str


def choose(templates: Sequence[str], key: str) -> str:
    """Pick one by the content of ``key``."""
    return templates[int(content_hash("wording", key)[3:15], 16) % len(templates)]


def clean_heading(text: str) -> str:
    """Take marks, numbering and the colon at the end off a heading."""
    heading = _NUMBERING.sub("", plain(text)).rstrip(" :.#").strip()
    shouted = heading.isupper() and sum(len(word) > _LONGEST_ACRONYM for word in heading.split()) > 1
    return heading.capitalize() if shouted else heading


@dataclass(frozen=True)
class Voice:
    """One file's way to speak: its words, its title, and the subject that the options name.

    :ivar subject: what the documents are about, as it stands after *in*; empty when the options do not say.
    :ivar domain: the project's domain in the user's words; stands in for an empty subject.
    :ivar title: the file's title as the file writes it; stands in when both are empty.
    """

    subject: str
    domain: str
    title: str
    words: Vocabulary = field(compare=False)

    def topic_of(self, section: Section) -> Topic | None:
        """Read a section's heading; ``None`` when it has none, or one that promises no text."""
        if section.heading is None:
            return None
        heading = clean_heading(section.heading.text)
        if not heading or _NOT_TEXT.match(heading) or not any(sign.isalpha() for sign in heading):
            return None
        return self.topic(heading, [clean_heading(parent.text) for parent in section.parents])

    def topic(self, heading: str, parents: Sequence[str]) -> Topic | None:
        """Say what form a heading has; one that names only a part of its parent is put together with it."""
        small = self.words.lower_first(heading)
        if heading.endswith("?"):
            return Topic("question", heading, heading)
        if _ASKING.match(heading):
            return Topic("question", heading + "?", heading)
        if small.lower() in _PART_NAMES:
            return self._part(small.lower(), parents)
        if small.lower().startswith("how to "):
            return Topic("goal", small[len("how to ") :], heading)
        if _CLAUSE.match(heading):
            return Topic("clause", small, heading)
        if learned := re.match(r"(?i)^(?:understand|know|learn|remember)\s+(?P<what>.+)$", heading):
            clause = bool(_CLAUSE.match(learned["what"]))
            return Topic("clause", learned["what"], heading) if clause else self.topic(learned["what"], parents)
        if is_imperative(heading):
            return Topic("goal", small, heading)
        if re.match(r"(?i)^[a-z]{2,}ing\b(?!\s+(?:is|are))", heading) and len(heading.split()) > 1:
            return Topic("activity", small, heading)
        if re.match(r"(?i)^(before|after|during|when|while|without|if)\b", heading):
            return Topic("setting", small, heading)
        if _STATEMENT.match(heading):
            return Topic("statement", small, heading)
        if ": " in heading or _OPENS_NO_NOUN.match(heading):
            return Topic("other", heading, heading)
        return Topic("thing", self.words.with_article(small), heading)

    def _part(self, name: str, parents: Sequence[str]) -> Topic | None:
        above = next((parent for parent in reversed(parents) if parent), "")
        whole = self.topic(above, parents[:-1]) if above else None
        if whole is None or whole.form not in {"thing", "activity"}:
            return None
        return Topic("thing", f"the {name} of {whole.text}", f"{above}: {name}")

    def place(self, instruction: str) -> str:
        """Name the subject, or else the domain or the title, where an instruction would be ambiguous without it.

        :param instruction: may hold the mark `HERE` where words like *in SQLite* can stand.
        """
        bare = instruction.replace(HERE, "")
        where = self.subject or self._around
        if not where or _mentions(bare, where):
            return bare
        if not self.subject:
            enough = "`" in bare or len(_content_words(bare)) > _ENOUGH_WORDS
            opening = choose(["In the context of", "When it comes to"], bare)
            return bare if enough else f"{opening} {where}, {self._small(bare)}"
        forms = [f"In {where}, {self._small(bare)}"]
        if not bare.endswith("?"):
            forms = [f"In the context of {where}, {self._small(bare)}", f"For {where}, {self._small(bare)}"]
        before = instruction.partition(HERE)[0]
        if HERE in instruction and not re.search(r"[,;:()]|\bin\b|[.?!]\s|\bor\b", before):
            forms += [instruction.replace(HERE, f" in {where}")] * 2
        return choose(forms, bare)

    @cached_property
    def _around(self) -> str:
        """The domain, or a title that can stand after *in the context of*; empty when there is neither."""
        if self.domain:
            return self.domain
        title = self.topic(_BOOK.sub("", clean_heading(self.title)), []) if self.title else None
        return title.text if title is not None and title.form in {"thing", "activity"} else ""

    def _small(self, instruction: str) -> str:
        first = instruction.split(" ", 1)[0]
        if first == "I" or first.startswith(("I'", "`", '"')):
            return instruction
        safe = first.lower() in _OPENERS or self.words.is_common(first)
        return instruction[0].lower() + instruction[1:] if safe else instruction


_OPENERS = FUNCTION_WORDS | words(
    "am compare complete define describe draw explain give list make name outline say show summarise summarize "
    "tell walk write"
)


def is_goal(phrase: str) -> bool:
    """Whether words can stand after *how to* and say by themselves what is meant."""
    return 2 <= len(phrase.split()) <= 25 and not unresolved(phrase) and phrase[-1] not in ":;,"


def _content_words(text: str) -> list[str]:
    return [
        word for word in re.findall(r"[\w'’-]+", text.lower()) if word not in FUNCTION_WORDS and word not in _OPENERS
    ]


def _mentions(instruction: str, where: str) -> bool:
    """Whether the instruction shares the words that matter."""
    if where.lower() in instruction.lower():
        return True
    wanted = set(_content_words(where))
    return bool(wanted & set(_content_words(instruction))) if wanted else True
