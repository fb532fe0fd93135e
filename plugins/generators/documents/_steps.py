"""Lists -> procedures and lists.

A numbered list is a procedure when its items tell what to do, or its lead-in calls it steps; any other list is a list.
The output is the list as it stands; the lead-in goes with it unless the instruction already says all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .._reading import Block, Section
from ._grammar import as_mine, is_imperative, plain, small_start, unresolved
from ._leads import goal, last_sentence, leads
from ._triple import Triple
from ._wording import HERE, Topic, Voice, choose, is_goal

_STEPS = re.compile(r"(?i)\b(steps?|procedure|in (?:this|that|the following) order|sequence|step by step)\b")
_NUMBER = r"(?:two|three|four|five|six|seven|eight|nine|ten|several|some|many|a few)"
_NUMBER_FIRST = re.compile(rf"(?i)^(?P<n>{_NUMBER})\s+(?P<rest>[a-z].+)$")
_THERE_ARE = re.compile(rf"(?i)^there (?:are|is) (?:{_NUMBER}\s+)?(?P<what>[a-z].*s\b.*)$")
_OF_NUMBER = re.compile(rf"(?i)^.+\b{_NUMBER}\s+(?:[\w-]+\s+){{0,2}}\w+s(?:\s.*)?$")
_ARE = re.compile(r"(?i)^(?P<what>(?:the|common|typical|usual|good|bad|likely|possible|other)\s.+?)\s(?P<be>are|is)$")
_CHOICE = re.compile(
    r"(?i)^(?P<who>[\w` -]+?) (?P<be>is|are) (?P<choice>(?:an?|the)(?: (?!better|worse)[\w-]+){0,2} "
    r"(?:choice|idea|fit|option|tool|answer|way)) (?:when|if)$"
)
_DOES_WHEN = re.compile(
    r"(?i)^(?P<who>[^,;]+?) (?P<does>fail|help|work|apply|happen|occur|stop|start|break|need "
    r"attention|pay off)s when(?: [\w-]+){0,3}$"
)
_HAVE_THESE = re.compile(
    rf"(?i)^(?P<who>[\w` -]+?) (?P<have>have|has) (?:these|the following|{_NUMBER}) (?P<what>[\w-]+s)$"
)
_NAMED = re.compile(
    r"(?i)^(?P<what>(?:[a-z-]+ )?(?P<head>advantages|alerts|arguments|benefits|cases|causes|changes|"
    r"checks|clues|columns|"
    r"conditions|consequences|data|details|differences|drawbacks|effects|errors|events|examples|"
    r"exceptions|expressions|facts|"
    r"features|figures|files|functions|guidelines|habits|indicators|information|jobs|kinds|limitations|limits|measures|"
    r"mechanisms|metrics|mistakes|numbers|operations|options|parts|patterns|pitfalls|points|"
    r"precautions|problems|properties|"
    r"questions|reasons|requirements|restrictions|risks|rules|settings|signs|signals|situations|"
    r"statements|steps|surprises|"
    r"symptoms|tasks|techniques|tests|things|tools|traps|types|uses|values|ways|workloads|queries|changes|tables|items|"
    r"practices|precautions|principles|designs|choices|places|sources|methods|measurements|arrangements|tricks|goals) "
    r"(?:that|to|in|of|for|which|behind|worth|when|before|during|from|on|with|after|without|against|"
    r"under|between|whose) .+)$"
)
_ONLY_WHEN = re.compile(
    r"(?i)^(?P<do>.+?)\s(?:only\s)?(?:when|if)(?: any of these (?:hold|is true|are true)| one of these holds)?$"
)
_BEFORE = re.compile(
    r"(?i)^(?P<when>(?:before|after|during|when|for|on|in|at)\s[^,]+), (?P<do>check|consider|verify|"
    r"look for|watch|record|"
    r"look at|collect|measure|write down|note|answer|watch for|ask|confirm|ensure|make sure)(?: the "
    r"following| these| these things| that)?$"
)


def make_steps(section: Section, voice: Voice) -> Iterator[Triple]:
    """Make one triple per list that has a lead-in or a heading to ask for it by."""
    topic = voice.topic_of(section)
    for number, block in enumerate(section.body):
        if block.kind not in {"steps", "bullets"} or len(block.items) < 2:
            continue
        before = section.body[number - 1] if number else None
        lead = before if before is not None and before.kind == "paragraph" and leads(before.text) else None
        if lead is None and (number or topic is None):
            continue  # a list in mid-section without a lead-in: only the section says what it is
        blocks = (lead, block) if lead is not None else (block,)
        kind = "procedure" if _is_procedure(block, lead) else "list"
        asked = _ask_procedure(lead, topic) if kind == "procedure" else _ask_list(lead, topic)
        if asked:
            instruction, says_all = asked
            used = (block,) if says_all else blocks
            yield Triple(kind, voice.place(instruction), section.document.span(used), used)


def _is_procedure(block: Block, lead: Block | None) -> bool:
    if block.kind != "steps":
        return False
    if lead is not None and (_STEPS.search(plain(lead.text)) or goal(lead.text)):
        return True
    commands = sum(is_imperative(_first_clause(item.text)) for item in block.items)
    return commands * 2 >= len(block.items)


def _first_clause(text: str) -> str:
    """Pass over a condition or place before the verb: ``On the server, stop ...``."""
    words = plain(text)
    head, comma, rest = words.partition(", ")
    return rest if comma and len(head.split()) <= 8 and not is_imperative(head) else words


def _ask_procedure(lead: Block | None, topic: Topic | None) -> tuple[str, bool] | None:
    aim = goal(lead.text) if lead is not None else ""
    if not aim and topic is not None and topic.form == "goal" and is_goal(topic.text):
        aim = topic.text
    if aim:
        mine = as_mine(aim)
        forms = [
            f"How do I {mine}{HERE}?",
            f"What are the steps to {aim}{HERE}?",
            f"Give me the steps to {aim}{HERE}, in order.",
            f"Walk me through how to {aim}{HERE}.",
            f"Explain step by step how to {aim}{HERE}.",
            f"What do I have to do to {mine}{HERE}? Answer step by step.",
            f"What is the procedure to {aim}{HERE}?",
        ]
        says_all = lead is None or _says_only(lead.text, aim)
        return choose(forms, aim), says_all
    if topic is None:
        return None
    return choose(_procedure_forms(topic), topic.text), lead is None


def _procedure_forms(topic: Topic) -> list[str]:
    text = topic.text
    mine = as_mine(text)
    return {
        "question": [f"{text} Give the steps in order."],
        "clause": [f"Explain step by step {text}{HERE}."],
        "activity": [
            f"What are the steps for {mine}{HERE}?",
            f"Walk me through {text}{HERE}, step by step.",
            f"How do I go about {mine}{HERE}?",
        ],
        "setting": [f"What should I do {mine}, step by step?"],
        "statement": [f'Give the steps that go with this advice: "{topic.heading}".'],
        "thing": [f"Walk me through {text}{HERE}, step by step.", f"List the steps for {text}{HERE}, in order."],
        "goal": [f"What are the steps to {text}{HERE}?"],
        "other": [f'Give the steps for "{topic.heading}", in order.'],
    }[topic.form]


def _says_only(lead: str, aim: str) -> bool:
    """Whether a lead-in is no more than its goal."""
    return len(plain(lead).split()) <= len(aim.split()) + 8


def _ask_list(lead: Block | None, topic: Topic | None) -> tuple[str, bool] | None:
    sentence = last_sentence(lead.text) if lead is not None else ""
    asked = _from_sentence(sentence) if sentence else ""
    if unresolved(asked.removesuffix("What are they?")):
        asked = ""
    if not asked and lead is not None and (aim := goal(lead.text)):
        asked = choose([f"How do I {as_mine(aim)}{HERE}?", f"What should I keep in mind to {as_mine(aim)}{HERE}?"], aim)
    if asked:
        return asked, False
    if topic is None or topic.form == "question":
        return None  # the answer to a question heading holds its lists
    return choose(_list_forms(topic), topic.text), lead is None


def _list_forms(topic: Topic) -> list[str]:
    text = topic.text
    mine = as_mine(text)
    return {
        "clause": [f"List the main points on {text}{HERE}.", f"Explain {text}{HERE}, as a list."],
        "activity": [f"What are the main points on {text}{HERE}?", f"List what matters when it comes to {text}{HERE}."],
        "setting": [f"What should I keep in mind {mine}?", f"List what matters {mine}."],
        "statement": [f'List the points behind this statement: "{topic.heading}".'],
        "thing": [f"What are the main points on {text}{HERE}?", f"List what there is to know about {text}{HERE}."],
        "goal": [
            f"What should I keep in mind when I want to {mine}{HERE}?",
            f"List the advice on how to {text}{HERE}.",
        ],
        "other": [f'List the main points on "{topic.heading}".'],
    }[topic.form]


def _from_sentence(sentence: str) -> str:
    """Turn what a lead-in states into the question that the list answers; empty when no pattern fits."""
    if match := _THERE_ARE.match(sentence):
        return f"What {match['what']} are there{HERE}?"
    if match := _DOES_WHEN.match(sentence):
        return f"When does {small_start(match['who'])} {match['does']}{HERE}?"
    if match := _CHOICE.match(sentence):
        return f"When {match['be']} {small_start(match['who'])} {match['choice']}{HERE}?"
    if match := _HAVE_THESE.match(sentence):
        does = "do" if match["have"] == "have" else "does"
        return f"What {match['what']} {does} {small_start(match['who'])} have{HERE}?"
    if match := _NAMED.match(sentence):
        what = match["what"][0].lower() + match["what"][1:]
        forms = [f"List the {what}{HERE}."]
        if not match["head"].lower().startswith(("information", "data")):
            forms.append(f"What are the {what}{HERE}?")
        return choose(forms, sentence)
    if match := _ARE.match(sentence):
        what = match["what"][0].lower() + match["what"][1:]
        return choose([f"What {match['be']} {what}{HERE}?", f"List {what}{HERE}."], sentence)
    if match := _BEFORE.match(sentence):
        when = match["when"][0].lower() + match["when"][1:]
        return f"What should I {match['do'].lower()} {as_mine(when)}{HERE}?"
    if (match := _ONLY_WHEN.match(sentence)) and is_imperative(match["do"]):
        aim = match["do"][0].lower() + match["do"][1:]
        return f"When should I {as_mine(aim)}{HERE}?"
    if (match := _NUMBER_FIRST.match(sentence)) and match["n"].lower() not in {"several", "some", "many", "a few"}:
        return f"Which {match['n'].lower()} {match['rest']}?"
    if _OF_NUMBER.match(sentence) and not is_imperative(sentence):
        return f"{sentence}. What are they?"
    return ""
