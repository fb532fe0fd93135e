"""Parts that look for damage: broken encodings, debris of pages and chats, placeholders, refusals.

They follow the page-level rules of C4 (Raffel et al. 2020, section 2.2: placeholder text, policy and code debris),
but take a share off instead of dropping the page. Each function takes `Texts` and gives a value from 0 (worst) to 1
(best), or ``None`` where it cannot judge. Wordings are looked for, so they only ever find what they know.
Each pattern is tried only where a plain substring says that it may match: that makes it four times as fast.
"""

from __future__ import annotations

import re

from ._texts import Texts

# How the bytes 0x80 to 0xBF look when UTF-8 was read as Latin-1 or Windows-1252.
_TAIL = (
    "\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122"
)
_ENCODING = re.compile(rf"Ã[{_TAIL}]|Â[\xa0-\xbf]|â€|ï¿½|\ufffd")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffc\ue000-\uf8ff]"
)
_HTML = re.compile(  # a lone <table> may be a placeholder in a command: only closed, empty or attributed tags count
    r"</(?:a|b|i|p|div|span|td|tr|th|table|li|ul|ol|font|script|style|h[1-6])>|<br ?/?>|"
    r"<(?:a|p|div|span|td|tr|th|table|li|ul|ol|font|script|style|img|iframe|h[1-6]) [a-z-]{2,20}=[^<>]{0,200}>|"
    r"&(?:nbsp|amp|lt|gt|quot|#\d{1,6}|#x[0-9a-f]{1,5});",
    re.IGNORECASE,
)
_ABOUT_MARKUP = re.compile(
    r"<|html|xml|\btags?\b|css|\bweb|markup|javascript|\bjs\b|script|react|svg|code|program|escape"
)
_CHAT_SIGNS = ("<|", "</s", "[inst]", "<<sys>>", "<no", "###")
_CHAT = re.compile(
    r"<\|[a-z_]{2,20}\|>|</s>|\[inst\]|<<sys>>|<no ?(?:in|out)put>|"
    r"\n### ?(?:instruction|response|input|output|human|assistant)\b"
)
_TURN = re.compile(r"\n(?:Human|User|Assistant|Instruction|Input|Output) ?: ")
_PLACEHOLDER_SIGNS = ("[insert", "<insert", "lorem ipsum", "[todo", "todo:", "your answer here")
_PLACEHOLDER = re.compile(r"[\[<]insert\b|\blorem ipsum\b|\[todo\b|\ntodo:|\byour answer here\b")
_NO_ANSWER = re.compile(r"\[[^\W\d_][\w ]{2,60}\]|\.{2,3}|…|n/?a\.?|none\.?|null|nan", re.IGNORECASE)
_NO_ANSWER_LENGTH = 64

_META = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b|"
    r"\bi(?:'m| am) (?:just )?an? (?:ai|language model)\b|"
    r"som en (?:ai|sprogmodel|stor sprogmodel)|als (?:ki|ai)[- ]sprachmodell|"
    r"en tant (?:que |qu')(?:modèle de langage|ia\b)|"
    r"como (?:un |um )?modelo de (?:lenguaje|linguagem)|作为一(?:个|种|種)?(?:ai|人工智能|语言模型)|作为(?:ai|人工智能)"
)
_META_SIGNS = (" ai", "artificial", "language model", "sprogmodel", "sprachmodell", "modèle", "ia", "modelo", "作为")
_REFUSAL = re.compile(
    r"\bi(?:'m| am) (?:sorry|afraid|unable|not able)\b|"
    r"\bi (?:cannot|can't|can not|won't) (?:assist|help|provide|answer|comply|fulfil|do that|access|create|generate)|"
    r"\bi (?:do not|don't) have (?:access|enough|the ability)"
)
_REFUSAL_SIGNS = ("sorry", "afraid", "able", "cannot", "can't", "can not", "won't", "not have", "don't have")
_OPENING = 300  #: signs of the answer in which a refusal is looked for


def cleanness(texts: Texts) -> float | None:
    """Whether instruction and answer are free of damage: 1 nothing found; each kind takes off 0.5 and more.

    Kinds: broken encoding (``Ã©``), invisible control marks, HTML tags and entities outside code and outside tasks
    about markup, left-over chat marks, placeholders, an answer that is none (``n/a``, ``[Answer]``). One find of a
    kind takes off 0.5, two 0.75, three or more 1; control marks, which come along with copied text, never more than
    0.5. The input is looked at for broken encoding only: what a task works on may be anything.
    """
    told = f"{texts.instruction}\n{texts.output}"
    output = "\n" + texts.output
    taken = _encoding_cost(texts, told) + (0.5 if _CONTROL.search(told) else 0.0)
    if "<" in told or "&" in told:
        taken += _cost(_html_debris(texts))
    n_turns = 0 if _speaks_in_turns(texts) else len(_TURN.findall(output))
    n_chat = n_turns if n_turns > 1 else 0  # one alone may be a label in a list ("Human: two legs")
    lower = output.lower()
    if any(sign in lower for sign in _CHAT_SIGNS):
        n_chat += len(_CHAT.findall(lower))
    n_empty = len(_PLACEHOLDER.findall(lower)) if any(sign in lower for sign in _PLACEHOLDER_SIGNS) else 0
    if len(texts.output) < _NO_ANSWER_LENGTH and _NO_ANSWER.fullmatch(texts.output):
        n_empty += 1
    return max(0.0, 1.0 - taken - _cost(n_chat) - _cost(n_empty))


def _cost(n_found: int) -> float:
    return min(1.0, 0.25 + 0.25 * n_found) if n_found else 0.0


def _encoding_cost(texts: Texts, told: str) -> float:
    if told.isascii() and texts.input.isascii():
        return 0.0
    return _cost(len(_ENCODING.findall(told)) + len(_ENCODING.findall(texts.input)))


def _html_debris(texts: Texts) -> int:
    if _ABOUT_MARKUP.search(texts.task) or "<" in texts.input:
        return 0
    prose = "".join(texts.output.split("`")[::2])  # what stands between back-quotes is code
    return len(_HTML.findall(prose)) + len(_HTML.findall(texts.instruction))


def _speaks_in_turns(texts: Texts) -> bool:
    return bool(_TURN.search("\n" + texts.instruction) or _TURN.search("\n" + texts.input))


def directness(texts: Texts) -> float | None:
    """Whether the answer answers, rather than refuses or talks about being a model: 1 it does, 0 both.

    Either takes off 0.5. English wordings, and the commonest Danish, German, French, Spanish, Portuguese and Chinese
    ones for "as a language model". Looked for in the first 300 signs.
    """
    if not texts.output:
        return None
    opening = texts.output[:_OPENING].replace("’", "'").lower()
    talks = any(sign in opening for sign in _META_SIGNS) and _META.search(opening)
    refuses = any(sign in opening for sign in _REFUSAL_SIGNS) and _REFUSAL.search(opening)
    return 1.0 - 0.5 * bool(talks) - 0.5 * bool(refuses)
