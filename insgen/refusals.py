"""How language models decline, in wordings: for parsers, responders and filters, so that all mean the same by it.

Flows in: a text. Flows out: the words that gave it away, or none. Wordings only ever find what they know: seven
languages here, and only where a text begins with them, where a sentence near its beginning can hardly be anything
else (English), or where a model speaks of itself as one. What merely mentions a refusal ("Write an e-mail in which you
say that you are sorry"), and what somebody in a story cannot do ("I cannot fulfil my duties alone"), is none.
"""

from __future__ import annotations

import re
from functools import cache

_NEAR = 200  # characters at the beginning of an answer in which a refusal comes after a courtesy, if at all

# Models say "I"; "we cannot provide a refund" is a letter somebody asked for.
_I = r"i(?: (?:really|simply|just|unfortunately|currently|regretfully|therefore|also|still))?"
_AM = r"(?:i['’]?m|i am)(?: (?:really|simply|just|unfortunately|currently|also|still))?"
_CANNOT = (
    r"(?:cannot|can['’]?t|can not|could not|couldn['’]?t|won['’]?t|will not"
    r"|(?:will not|won['’]?t|would not|wouldn['’]?t) be able to)"
)
_UNABLE = (
    r"(?:unable|not able|not allowed|not permitted|not authori[sz]ed|not programmed|not designed|not equipped"
    r"|not willing|not going|not in a position) to"
)
_LACKS = rf"(?:{_I} (?:{_CANNOT}|do not|don['’]?t|have no|must decline)|{_AM} (?:not|unable))\b"
# What a model is asked for is named as such: "this request"; the duties somebody fulfils in a story are not.
_ASKED = (
    r"(?:(?:this|that|your|the|such|such an?|any|these|those) (?:[\w-]+ ){0,2}?(?:requests?|prompts?|questions?"
    r"|instructions?|tasks?|quer(?:y|ies)|commands?|conversations?|topics?|discussions?|activit(?:y|ies)|actions?)\b"
    r"|(?:this|that|it)(?= ?(?:$|[.,;!)\n]| (?:because|as|since|for|due|under|at)\b)))"
)
_DO = (
    r"(?:fulfil?l|complete|continue|proceed|perform|carry out|execute|honou?r|grant|satisfy|accommodate|process|handle"
    r"|follow|accept|support|entertain|address|respond|reply|engage|participate|take part|do|discuss|answer)"
    r"(?: (?:with|in|on|to))?"
)
_ASSIST = (
    r"(?:assist\b|comply\b|help(?! (?:but|it|myself|ourselves|\w+ing)\b)"
    rf"|{_DO} {_ASKED}"
    r"|continue with\b|proceed with\b|engage (?:in|with)\b|in good conscience\b"
    r"|provide(?! for\b)|answer(?! (?:for|the (?:door|phone|telephone|bell|call))\b)"
    r"|generate|create|produce|write(?! to\b)|do (?:that|this)\b|access(?! my\b))"
)
_OPENING = (
    r"\W{0,3}(?:"
    # English
    rf"{_AM} (?:very |so |truly |terribly )?(?:sorry|afraid)\b[,.:;]? (?:but|as an?\b|(?:that )?{_LACKS})"
    rf"|sorry[,.]? (?:but|as an?\b|this request|that request|your request|{_LACKS})"
    rf"|{_AM} (?:unable|not able) to\b"
    rf"|{_AM} {_UNABLE} {_ASSIST}"
    rf"|{_I} {_CANNOT} {_ASSIST}"
    rf"|{_I} (?:do not|don['’]?t) (?:assist|help with|provide|engage in|feel comfortable"
    r"|have (?:access|the (?:abil|capab)|real-time|personal (?:opinion|experience|feeling|belief)))"
    rf"|{_AM} not comfortable (?:with )?(?:this|that|assisting|helping|providing|writing|creating|discussing"
    r"|generating)"
    rf"|{_I} (?:(?:must|have to|need to|will have to)(?: respectfully| politely)? |respectfully |politely )?"
    rf"(?:(?:decline|refuse) (?:to {_ASSIST}|{_ASKED})|decline(?=\.))"
    r"|i apologi[sz]e[,.]? (?:but|that i\b|for (?:the|any) (?:confusion|inconvenience|misunderstanding))"
    r"|my (?:sincere )?apologies[,.]"
    r"|unfortunately,? (?:i\b|as an? (?:ai|language)|this request|that request|your request)"
    r"|(?:it is|it['’]s|it would be) (?:not (?:appropriate|possible|ethical)|inappropriate|unethical|impossible)"
    r" for me to\b"
    r"|(?:this|that) (?:is not|isn['’]t) something (?:that )?i(?: can| am able|['’]m able| will)\b"
    # German, French, Spanish, Portuguese, Danish
    r"|(?:es tut mir leid|tut mir leid|leider kann ich|leider ist es mir nicht möglich"
    r"|ich kann (?:dir |ihnen |diese anfrage |deine anfrage |ihre anfrage )?(?:dabei |damit )?(?:leider )?nicht)\b"
    r"|(?:je suis désolée?|désolée?,|je ne peux pas|malheureusement,? je|je ne suis pas en mesure)\b"
    r"|(?:lo siento|lamento|no puedo (?:ayudar|responder|proporcionar|cumplir|completar|continuar|realizar))\b"
    r"|(?:desculpe|lamento|sinto muito|não posso (?:ajudar|responder|fornecer|cumprir|atender|completar|continuar))\b"
    r"|(?:det kan jeg (?:desværre )?ikke|jeg kan (?:desværre )?ikke (?:hjælpe|besvare|opfylde|efterkomme|udføre)"
    r"|jeg beklager|beklager, )"
    # Chinese
    r"|(?:很抱歉|抱歉|对不起|對不起|我无法|我無法|我不能)"
    r")"
)
_AS_MODEL = (
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b(?! (?:engineer|researcher|developer|team))"
    r"|\bi(?:['’]m| am) (?:just |only )?an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|\bmy (?:knowledge cut-?off|training data)\b"
    r"|\bi was (?:trained|created|developed) by (?:openai|anthropic|google|meta)\b"
    r"|\bals (?:ki|ai|großes)[- ]?sprachmodell\b"
    r"|\ben tant (?:que |qu['’])(?:modèle de langage|ia\b|intelligence artificielle)"
    r"|\bcomo (?:un |um )?modelo de (?:lenguaje|linguagem)|\bsom en (?:ai|sprogmodel|stor sprogmodel)\b"
    r"|作为一(?:个|种)?(?:ai|人工智能|语言模型)|作為一(?:個|種)?(?:ai|人工智慧|語言模型)"
)
# Behind a courtesy ("Thank you for asking. ..."), so only what is said of a request, where a sentence or clause begins:
# in quotation marks, or behind a speaker's name, it is part of a text.
_CLAUSE = r"(?:(?<=[.!?,;] )|(?<=\n)|(?<=\bbut )|(?<=\bhowever )|(?<=\bso )|(?<=\bthat )|(?<=[—–] ))"
_LATER = (
    rf"{_CLAUSE}(?:(?:{_I} {_CANNOT}|{_AM} {_UNABLE}) (?:"
    rf"(?:assist|help)(?: you)? with (?:{_ASKED}|such )"
    rf"|(?:comply with|{_DO}) (?:this|that|your|the|such an?|any such) (?:[\w-]+ )?(?:request|prompt|query)\b"
    r"|(?:provide|generate|create|write|produce|share|give)(?: you)?(?: with)?"
    r" (?:such|(?:that|this) (?:kind|type) of) )"
    rf"|{_I} (?:must|have to|need to)(?: respectfully| politely)? decline (?:this|that|your) request)"
    r"|\b(?:violat\w+|against|conflicts? with|not (?:allowed|permitted) (?:by|under)) (?:"
    r"(?:my|our|openai['’]?s?|the|its) (?:[\w-]+ ){0,2}?(?:programming|(?:content|usage|use-case|safety) polic\w+"
    r"|(?:safety|ethical) guidelines)|my (?:[\w-]+ ){0,2}?(?:guidelines|polic\w+|principles|programming))\b"
    r"|\bas an? (?:ai|(?:large )?language model)\b[^.\n]{0,40}?, "
    rf"(?:{_LACKS}|i (?:lack|must)\b)"
)
_SIGNS = (
    *("assist", "help", "request", "prompt", "query", "such", " of ", "programming", "polic", "guidelines"),
    *("principles", "language model", " ai"),
)
"""One of these is in all that `_LATER` finds; looking for them first is twenty times as fast."""


@cache
def _compiled(wordings: str) -> re.Pattern[str]:
    """Make a pattern when it is first asked for: these take 20 ms, which `insgen --help` has no use for."""
    return re.compile(wordings, re.IGNORECASE)


def declined(answer: str) -> str:
    """Find how an answer begins where it begins as models begin when they decline.

    :returns: the words; empty when it does not.
    """
    text = answer.lstrip()
    found = _compiled(_OPENING).match(text) or _compiled(_AS_MODEL).match(text.lstrip("\"'*_-"))
    if found is None:
        near = text[:_NEAR]
        lowered = near.lower()
        found = _compiled(_LATER).search(near) if any(sign in lowered for sign in _SIGNS) else None
    return found.group().strip() if found else ""


def speaks_as_model(text: str) -> str:
    """Find where a text speaks of itself as a language model ("as an AI"), anywhere in it.

    :returns: the words; empty when it does not.
    """
    found = _compiled(_AS_MODEL).search(text)
    return found.group().strip() if found else ""
