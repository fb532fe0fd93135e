"""Small facts of English that wording needs: which words a document writes in lower case, articles, imperatives.

Nothing here knows about blocks or triples. Evidence comes from the document itself where it can: a heading's first
word is written small only if the document does so in running text.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from functools import cached_property
from itertools import zip_longest

_CODE_SPAN = re.compile(r"(`+[^`]*`+)")
_LINK = re.compile(r"!?\[([^\]\[]*)\](?:\([^()\s]*(?:\s[^()]*)?\)|\[[^\]]*\])")
_FOOTNOTE = re.compile(r"\[\^[^\]]*\]")
_EMPHASIS = re.compile(r"(\*{1,3}|(?<!\w)_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)", re.DOTALL)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_TITLE_CASE = re.compile(r"[A-Z][a-z]+(?:['’-][a-z]+)*")
_MAX_PLAIN = 2000  # longer text is no heading and no lead-in, and patterns over it would cost
_MAX_EVIDENCE = 500_000  # characters of running text that are looked at for how words are used
_MAX_PLACES = 200  # of a word; more would not change what they show


def words(text: str) -> frozenset[str]:
    """Make a set of the words of a text; for lists of words that read better in rows."""
    return frozenset(text.split())


#: Words that open a heading or question and are never names.
FUNCTION_WORDS = words(
    "a after all an and any are as at before by can could did do does during each every five for four from has "
    "have how if in is its may might more most must my no not of on or other our over should six some that the "
    "their these this those three to two under was were what when where which who whose why will with without "
    "would your"
)
#: Words that may follow a verb and no noun.
_DETERMINERS = words(
    "a all an any both each enough every five four her his how it its my no one only our several some that the their "
    "them these this those three two what whether which your"
)
_NOT_VERBS = FUNCTION_WORDS | words(
    "about above across against almost along also although always among anything around because behind below "
    "beneath beside besides between beyond both but despite down either even everything except finally first half "
    "he here however i inside instead into it just lastly like me near nearly neither never next nothing now off "
    "often once only onto otherwise out outside past per perhaps quite rather second she since so something "
    "sometimes such than them then there they third though through throughout till toward towards unless unlike "
    "until up upon us usually via we while within yet you"
)
#: Verbs that are not nouns too, so that a noun may follow them.
_PLAIN_VERBS = words(
    "add adjust adopt align allow analyse analyze apply arrange ask assess assign assume attach authenticate "
    "automate avoid backfill be begin bind break bring build bulk-load calculate capture carry change choose "
    "clean clear close collect combine compact compare compile compose compute conduct configure confirm connect "
    "consider convert correct create deal debug decide declare decode define delete deliver deny deploy derive "
    "describe detect determine diagnose disable discard distinguish drop eliminate embed enable encrypt enforce "
    "ensure enter enumerate escape establish estimate evaluate examine exclude execute expect explain export "
    "expose express extend extract fetch find fix follow gather generate get give grant handle hide hold identify "
    "ignore implement import improve include increase inform initialise initialize insert inspect install "
    "introduce investigate invoke isolate join judge keep know launch learn leave let limit list load locate look "
    "lower maintain make manage map maximise measure merge migrate minimise move multiply name negotiate notify "
    "obey observe obtain offer open optimise optimize organise organize override overwrite paginate parse "
    "partition pass pick populate postpone prefer prepare preserve prevent print promote propose protect prove "
    "provide prune publish pull push put quantify quote raise reach read rebalance rebuild receive reclaim "
    "recognise recognize reconcile recover redirect reduce refer refuse register rehearse reindex reject release "
    "rely remember remove rename render reorder repeat replace report represent reproduce reset resolve respect "
    "respond restart restore restrict retain retrieve retry return reuse revert review revoke rewrite roll rotate "
    "salvage satisfy save schedule see select send separate serve settle shard shorten show shrink simplify "
    "simulate size skip solve sort specify speed split start stop store submit substitute suppress survive switch "
    "sync take tell tolerate translate treat trim truncate try tune turn understand undo unify unlock unpack "
    "update upload use validate vary verify wait wash watch weigh wrap write"
)
_VERBS_WITH_PARTICLE = re.compile(
    r"(?i)(back up|check (?:for|that|whether|if)|log in|set up|shut down|plan for|run `|use `|set `|test (?:for|that))"
)
#: Verbs that are nouns too; a noun may follow them where a preposition or adverb comes later.
_DOUBLE_VERBS = words(
    "answer back cache control copy design group guard index lock log match model monitor name number order pin "
    "plan point position process query queue rank report request review schedule search shape share ship signal "
    "sort source stage state store stream structure support test trace track train transfer trigger update view "
    "watch work"
)
_LATER_MARKS = words(
    "after again against apart as before between by early for from inside instead into late on once only through "
    "to together when while with without"
)
_UNRESOLVED = re.compile(
    r"(?i)\b(?:it|them|they|this|these|those|here|following|former|latter)\b|\b(?:above|below)$|"
    r"\b(?:in|of|with|to|for|by|on|from|at|like) (?:that|such)\b"
)
_EARLY_POSSESSIVE = re.compile(r"(?i)^(?:\S+\s+){0,2}(?:its|their)\b")


def plain(text: str) -> str:
    """Take emphasis, links, escapes and line breaks out of one short piece of Markdown; code spans stay as they are."""
    parts = _CODE_SPAN.split(text[:_MAX_PLAIN])
    for number in range(0, len(parts), 2):
        part = _FOOTNOTE.sub("", _LINK.sub(r"\1", parts[number]))
        for _ in range(2):  # bold within italics
            part = _EMPHASIS.sub(r"\2", part)
        parts[number] = html.unescape(_ESCAPE.sub(r"\1", part))
    # Emphasis around a code span has its two ends in different parts.
    joined = re.sub(r"(?<![\w`*])[*_]{1,3}(`+[^`]*`+)[*_]{1,3}", r"\1", "".join(parts))
    joined = re.sub(r"(\*\*|__)(?=\S)([^*_]*`[^`]*`[^*_]*)\1", r"\2", joined)
    return " ".join(joined.split())


def n_words(text: str) -> int:
    """Count the words of a text, as white space parts them."""
    return len(text.split())


def unresolved(phrase: str) -> bool:
    """Whether a phrase leans on something said elsewhere (``check it``, ``the following``)."""
    return bool(_UNRESOLVED.search(phrase) or _EARLY_POSSESSIVE.search(phrase))


def is_imperative(phrase: str) -> bool:
    """Whether a phrase begins with a verb that tells somebody to do something.

    Judged without a dictionary where possible: a word before a determiner is a verb unless it is a function word.
    """
    words_ = phrase.split()
    if not words_:
        return False
    first = words_[0].strip("*_\"'(,").lower()
    if first in _NOT_VERBS or not first.isalpha():
        return bool(first in {"do", "be"} and len(words_) > 1 and words_[1].lower() == "not")
    if _VERBS_WITH_PARTICLE.match(phrase):
        return True
    second = words_[1].strip("*_\"'(.,;:").lower() if len(words_) > 1 else ""
    if first in _PLAIN_VERBS:
        linked = second in {"and", "or"} and (len(words_) < 3 or words_[2].lower() not in _PLAIN_VERBS | _DOUBLE_VERBS)
        return not linked and second not in {"is", "are", "was", "has", "can", "of"}
    later = [word.lower() for word in words_[2:]]
    if first in _DOUBLE_VERBS and second.isalpha() and second not in _NOT_VERBS:
        linked = second in {"and", "or"} and len(words_) > 2 and words_[2].lower() in _PLAIN_VERBS | _DOUBLE_VERBS
        long = len(words_) >= 4 and later[0] not in {"of", "and", "or", "in", "for", "on", "is", "are", "at"}
        return linked or long or any(word in _LATER_MARKS or word.endswith("ly") for word in later)
    if first.endswith(("s", "ed", "ing", "ly")) and not first.endswith(("ss", "need")):
        return False
    return second in _DETERMINERS


def as_mine(phrase: str) -> str:
    """Turn ``your database`` into ``my database``, for a question in the first person."""
    phrase = re.sub(r"(?i)\byour\b", "my", phrase)
    phrase = re.sub(r"(?i)\byourself\b", "myself", phrase)
    phrase = re.sub(r"(?i)\byou (are|were)\b", lambda m: "I am" if m[1] == "are" else "I was", phrase)
    return re.sub(r"(?i)\b(before|after|when|if|until|while|that|what|how|as|where|which) you\b", r"\1 I", phrase)


def small_start(sentence: str) -> str:
    """Write the first word small where it is an article or the like; names and unknown words stay."""
    first = sentence.split(" ", 1)[0]
    return sentence[0].lower() + sentence[1:] if first.lower() in FUNCTION_WORDS else sentence


def join_words(words: list[str]) -> str:
    """Write ``a, b and c``."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


class Vocabulary:
    """What one document's running text (headings left out) says about its own words."""

    def __init__(self, running_text: str) -> None:
        self._text = running_text[:_MAX_EVIDENCE]

    @cached_property
    def _small(self) -> Counter[str]:
        return Counter(re.findall(r"(?<![\w`])[a-z]+(?:['’-][a-z]+)*", self._text))

    @cached_property
    def _capital(self) -> Counter[str]:
        """Words with a capital in the middle of a sentence."""
        return Counter(re.findall(r"(?<=[a-z,;] )[A-Z][a-z]+(?:['’-][a-z]+)*", self._text))

    @cached_property
    def _tokens(self) -> list[str]:
        return [token.strip(".,;:()\"'*!?") for token in self._text.lower().split()]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Where each word, and each pair of words, begins among the tokens."""
        places: dict[str, list[int]] = {}
        for number, (token, following) in enumerate(zip_longest(self._tokens, self._tokens[1:])):
            places.setdefault(token, []).append(number)
            places.setdefault(f"{token} {following}", []).append(number)
        return places

    def is_common(self, word: str, *, in_sentence_case: bool = False) -> bool:
        """Whether a capitalised word is written small when no sentence begins with it.

        :param in_sentence_case: it opens a phrase whose other words are small, so that only a name keeps its capital.
        """
        if not _TITLE_CASE.fullmatch(word):
            return False
        lower, capital = word.lower(), self._capital[word]
        small = self._small[lower] + self._small[lower + "s"] + (self._small[lower[:-1]] if lower.endswith("s") else 0)
        if in_sentence_case and not capital:
            return True
        if word.lower() in FUNCTION_WORDS or small > capital:
            return True
        return capital == 0 and word.endswith(("ing", "tion", "tions", "ity", "ness", "ment", "ments", "ance", "ence"))

    def lower_first(self, phrase: str) -> str:
        """Write a heading as it would stand within a sentence; names, acronyms and code keep their capitals."""
        parts = phrase.split(" ")
        later = [word for word in parts[1:] if word.lower() not in FUNCTION_WORDS and word[:1].isalpha()]
        titled = bool(later) and all(word[:1].isupper() for word in later)
        sentence = any(word[:1].islower() for word in later) and not titled
        for number, word in enumerate(parts):
            bare = word.strip("\"'(),:")
            if (number == 0 or titled) and (
                bare == "A" or self.is_common(bare, in_sentence_case=sentence) or self._hyphenated(bare)
            ):
                parts[number] = word.lower()
        return " ".join(parts)

    def _hyphenated(self, word: str) -> bool:
        first, dash, _ = word.partition("-")
        return bool(dash) and bool(_TITLE_CASE.fullmatch(word)) and self.is_common(first)

    def with_article(self, phrase: str, *, indefinite: bool = False) -> str:
        """Put the article before a noun phrase that the document puts before it; none when it puts none.

        :param indefinite: take *a* where the document has it at all, as a definition does.
        """
        wanted = phrase.lower().split()
        if not wanted or wanted[0] in FUNCTION_WORDS:
            return phrase
        before = Counter(
            self._tokens[place - 1]
            for place in self._places.get(" ".join(wanted[:2]), [])[:_MAX_PLACES]
            if place and self._tokens[place : place + len(wanted)] == wanted
        )
        if indefinite and before["a"] + before["an"]:
            return f"{'a' if before['a'] else 'an'} {phrase}"
        bare = sum(n for word, n in before.items() if word not in {"the", "a", "an"})
        best = max(("the", "a", "an"), key=lambda article: before[article])
        return f"{best} {phrase}" if before[best] and before[best] >= bare else phrase
