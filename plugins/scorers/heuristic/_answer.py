"""Parts that look at the answer alone: does it end, does it say something, does it repeat itself, does it calculate.

Each function takes `Texts` and gives a value from 0 (worst) to 1 (best), or ``None`` where it cannot judge.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

from ._texts import Texts

_TERMINAL = ".!?…。！？｡؟۔।॥։።"
_CLOSERS = "\"'”’»›」』】）)]}>`*|;~"
_CUT = ",:，、：([{（「『="
_SENTENCE_END = re.compile(r"\w\w[.!?…؟۔।][\"'”’»)\]]?\s|[。！？]")  # two letters: "J. B. Smith" ends nothing
_LABEL_SIGNS = 24  #: signs up to which a line may be a name or a heading
_PHRASE_WORDS = 25  #: words up to which an answer may be one phrase
_BARE_MARK = re.compile(r"(?:\d{1,3}[.)]|[-*•]|#{1,6})")

FULL_RICHNESS = 10.0  #: Guiraud's R from which an answer counts as substantial; chosen on the calibration half
SHORT_VALUE = 0.5  #: substance that an answer has anyway where the task wants a short one
_SHORT_TASKS = re.compile(
    r"classif|categori[sz]e|sentiment|which of |which one|which word|true or false|true/false|yes or no|yes/no|"
    r"one word|single word|choose|select|multiple[- ]choice|how many|how much|how old|what year|what time|"
    r"who (?:is|was|wrote) |when (?:is|was|did) |klassific|vælg |ja eller nej|sandt eller falsk|klassifiz|"
    r"ja oder nein|wahr oder falsch|oui ou non|vrai ou faux|s[ií] o no|verdadero o falso|选择|分类|是或否"
)
_OPTION = re.compile(r"\n ?\(?[A-Ea-e][).:] ")

# Rae et al. 2021 (Gopher), Table A1: a document is dropped above these shares.
_LINE_LIMIT = 0.30
_PAIR_LIMIT = 0.20
_RUN_LIMIT = 0.15
_LONG_WORD = 12
_LETTER_RUN = re.compile(rf"([^\W\d_])\1{{{_LONG_WORD - 1},}}")
_MIN_REPEAT_WORDS = 10
_MIN_PAIR_WORDS = 30

_NUMBER = r"\d{1,12}(?:,\d{3}){0,4}(?:\.\d{1,9})?"
_OPERATORS = "-+*/x×÷=^−–—⁄√"  # before or after a match they would mean that it is a piece of something longer
_EQUATION = re.compile(
    rf"(?<![\w.,%)<>${_OPERATORS}])(?<![{_OPERATORS}%] )\$?"
    rf"({_NUMBER}(?: ?[-+*x×/] ?\$?{_NUMBER}){{1,8}}) ?= ?\$?(-?{_NUMBER})"
    rf"(?![\w%{_OPERATORS[1:]}]|[.,]\d| \d| ?[{_OPERATORS}] ?[\d$(])"
)
_OPERAND = re.compile(rf"{_NUMBER}|[-+*x×/]")


def completeness(texts: Texts) -> float | None:
    """Whether the answer ends where it should: 1 ends properly, 0 is cut inside a code block.

    A sentence without its end, a bare list mark, a comma or a colon at the end gives 0.2, what may be a cut 0.6;
    brackets left open take off 0.3. Answers without sentences (labels, titles, lists, code) need no full stop: the
    last line is held to what the lines before it do. Scripts without a full stop are not judged by it.
    """
    text = texts.output.rstrip()
    if not text:
        return None
    if text.count("```") % 2:
        return 0.0
    left_open = any(text.count(a) > text.count(b) for a, b in ("()", "[]", "{}"))
    return max(0.0, _ending(texts, text) - (0.3 if left_open and ":(" not in text else 0.0))


def _ending(texts: Texts, text: str) -> float:
    last_line = text[text.rfind("\n") + 1 :].strip()
    if text[-1] in _CUT or _BARE_MARK.fullmatch(last_line):
        return 0.2
    if text[-1] in _TERMINAL or text[-1] in _CLOSERS or texts.unspaced or not text[-1].isalnum():
        return 1.0
    lines = [line for line in map(str.strip, text.split("\n")) if line]
    if len(lines) == 1:
        if _SENTENCE_END.search(text):
            return 0.2
        return 1.0 if len(texts.words) <= _PHRASE_WORDS else 0.6
    is_label = len(last_line) <= _LABEL_SIGNS
    if is_label and len(lines[-2]) <= _LABEL_SIGNS:
        return 1.0  # a list of names, or a signature
    long_lines = [line for line in lines[:-1] if len(line) > _LABEL_SIGNS]
    n_closed = sum(line[-1] in _TERMINAL for line in long_lines)
    if n_closed * 2 < max(1, len(long_lines)):  # a list or code, whose lines end without a mark
        return 1.0
    if is_label:  # "A: 45" closes an answer, "The next" does not
        return 1.0 if ":" in last_line or last_line[-1].isnumeric() else 0.6
    return 0.2


def substance(texts: Texts) -> float | None:
    """How much the answer says: different words over the square root of all words (Guiraud's R, 1954), up to a limit.

    Grows with length, but only as long as new words come; reaches 1 at R = `FULL_RICHNESS` (some 120 words of plain
    English). A task that wants a short answer (its prompt lists options ``A)``, ``B)``, or its instruction says so in
    English or one of the wordings known of five other languages) gives `SHORT_VALUE` for any answer, and half as
    much for its richness: a one-word label is no fault there, and answers to one task keep their order.
    """
    if texts.unspaced or not texts.output:
        return None
    n_words = len(texts.words)
    value = min(1.0, len(texts.distinct) / math.sqrt(n_words) / FULL_RICHNESS) if n_words else 0.0
    return SHORT_VALUE + (1 - SHORT_VALUE) * value if _wants_short(texts) else value


def _wants_short(texts: Texts) -> bool:
    if _SHORT_TASKS.search(texts.task):
        return True
    return len(_OPTION.findall(texts.instruction)) + len(_OPTION.findall("\n" + texts.input)) > 1


def freshness(texts: Texts) -> float | None:
    """Whether the answer avoids repeating itself: 1 no repetition, 0 at twice one of Gopher's limits or more.

    Duplicate lines, the most frequent pair of words and repeated runs of five words are measured as shares and
    compared with the limits of Rae et al. 2021 (arXiv:2112.11446, section A1, Table A1), 0.30, 0.20 and 0.15, which are
    theirs for documents, in characters; here words are counted. The worst one counts; below its limit a share costs
    nothing. Under thirty words only the runs count, since a list of labels repeats pairs by nature. Abstains on
    fewer than ten words, and on scripts it cannot cut.
    """
    words = texts.words
    if max(map(len, words), default=0) >= _LONG_WORD and _LETTER_RUN.search(texts.output):
        return 0.0
    if texts.unspaced or len(words) < _MIN_REPEAT_WORDS:
        return None
    excess = _repeated_run_share(words) / _RUN_LIMIT
    if len(words) >= _MIN_PAIR_WORDS:
        lines = [line for line in map(str.strip, texts.output.split("\n")) if len(line) > 1]
        line_share = 1 - len(set(lines)) / len(lines) if lines else 0.0
        excess = max(excess, line_share / _LINE_LIMIT, _top_pair_share(words) / _PAIR_LIMIT)
    return min(1.0, max(0.0, 2.0 - excess))


def _top_pair_share(words: list[str]) -> float:
    """Share of the words that the most frequent pair of words covers; 0 for one that occurs only twice, or is rare."""
    if 2 * max(Counter(words).values()) <= _PAIR_LIMIT * len(words):
        return 0.0  # no word is frequent enough for any pair to reach the limit: saves counting pairs
    top = max(Counter(pairwise(words)).values())
    return 2 * top / len(words) if top > 2 else 0.0


def _repeated_run_share(words: list[str]) -> float:
    """Share of the runs of five words that occurred before."""
    n_runs = len(words) - 4
    return 1 - len(set(zip(words, words[1:], words[2:], words[3:], words[4:], strict=False))) / n_runs


def arithmetic(texts: Texts) -> float | None:
    """Share of the plain equations in the answer (``48 + 3 = 51``) that hold; ``None`` without any.

    Sums, differences and products of up to nine written numbers, and quotients of two; a slash among other operators,
    or one that makes a fraction below 1 ("2/3 = 40" for two thirds of 60), can be read in two ways and is not
    judged. A result may be rounded (0.6 %; 2 % or 1 for a quotient). Says nothing about whether the right thing was
    calculated.
    """
    if "=" not in texts.output:
        return None
    n_right = n_equations = 0
    for expression, result in _EQUATION.findall(texts.output):
        operands = _OPERAND.findall(expression)
        value = _evaluate(operands)
        if value is None:
            continue
        tolerance = max(0.02 * abs(value), 1.0) if "/" in operands else 0.006 * max(1.0, abs(value))
        n_equations += 1
        n_right += abs(value - float(result.replace(",", ""))) <= tolerance
    return n_right / n_equations if n_equations else None


def _evaluate(tokens: list[str]) -> float | None:
    """Value of numbers and operators in turn, products before sums; ``None`` for what can be read in two ways."""
    numbers = [float(token.replace(",", "")) for token in tokens[::2]]
    operators = tokens[1::2]
    if "/" in operators:
        is_quotient = len(numbers) == 2 and numbers[0] >= numbers[1] > 0
        return numbers[0] / numbers[1] if is_quotient else None
    total, term = 0.0, numbers[0]
    for operator, number in zip(operators, numbers[1:], strict=True):
        if operator in "+-":
            total, term = total + term, number if operator == "+" else -number
        else:
            term *= number
    return total + term
