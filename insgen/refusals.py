"""How language models decline, in wordings: for parsers, responders and filters, so that all mean the same by it.

Flows in: a text. Flows out: the words that gave it away, or none. Wordings only ever find what they know: seven
languages here, and only where a text begins with them or where a model speaks of itself as one. What merely mentions
a refusal ("Write an e-mail in which you say that you are sorry") is none.
"""

from __future__ import annotations

import re

_OPENING = re.compile(
    r"\W{0,3}(?:"
    # English
    r"(?:i['’]?m|i am|we['’]?re|we are) (?:very |so |truly |really )?(?:sorry|afraid)\b[,.:;]? (?:but|that|i |we |as )"
    r"|(?:i['’]?m|i am|we['’]?re|we are) (?:unable|not able) to\b"
    r"|sorry[,.]? (?:but )?(?:i|we|as)\b"
    r"|(?:i|we) (?:apologi[sz]e|regret)[,.]? (?:but|that|for)\b"
    r"|(?:my|our) apologies[,.]"
    r"|unfortunately[,]? (?:i|we|as an? (?:ai|language))\b"
    r"|(?:i|we) (?:cannot|can['’]?t|can not|won['’]?t|will not|do not|don['’]?t) "
    r"(?:assist|help|provide|answer|comply|do (?:that|this)|access|create|generate|write|have (?:access|the abil))"
    # German, French, Spanish, Portuguese, Danish
    r"|(?:es tut mir leid|tut mir leid|leider kann ich|ich kann (?:dir |ihnen )?(?:dabei |damit )?(?:leider )?nicht)\b"
    r"|(?:je suis désolée?|désolée?,|je ne peux pas|malheureusement,? je)\b"
    r"|(?:lo siento|lamento|no puedo (?:ayudar|responder|proporcionar|cumplir))\b"
    r"|(?:desculpe|lamento|sinto muito|não posso (?:ajudar|responder|fornecer))\b"
    r"|(?:det kan jeg (?:desværre )?ikke|jeg kan (?:desværre )?ikke (?:hjælpe|besvare)|jeg beklager|beklager, )"
    # Chinese
    r"|(?:很抱歉|抱歉|对不起|對不起|我无法|我無法|我不能)"
    r")",
    re.IGNORECASE,
)
_AS_MODEL = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b(?! (?:engineer|researcher|developer|team))"
    r"|\bi(?:['’]m| am) (?:just |only )?an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|\bmy (?:knowledge cut-?off|training data)\b"
    r"|\bi was (?:trained|created|developed) by (?:openai|anthropic|google|meta)\b"
    r"|\bals (?:ki|ai|großes)[- ]?sprachmodell\b"
    r"|\ben tant (?:que |qu['’])(?:modèle de langage|ia\b|intelligence artificielle)"
    r"|\bcomo (?:un |um )?modelo de (?:lenguaje|linguagem)|\bsom en (?:ai|sprogmodel|stor sprogmodel)\b"
    r"|作为一(?:个|种)?(?:ai|人工智能|语言模型)|作為一(?:個|種)?(?:ai|人工智慧|語言模型)",
    re.IGNORECASE,
)


def declined(answer: str) -> str:
    """Find how an answer begins where it begins as models begin when they decline.

    :returns: the words; empty when it does not.
    """
    found = _OPENING.match(answer.lstrip()) or _AS_MODEL.match(answer.lstrip(" \t\n\"'*_-"))
    return found.group().strip() if found else ""


def speaks_as_model(text: str) -> str:
    """Find where a text speaks of itself as a language model ("as an AI"), anywhere in it.

    :returns: the words; empty when it does not.
    """
    found = _AS_MODEL.search(text)
    return found.group().strip() if found else ""
