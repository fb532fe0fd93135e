"""Code blocks -> code asked for by its lead-in, and explanations asked for by the code.

The output is the block with its fences as it stands; for an explanation it is the paragraph that explains, and the
code is the input. A block without a lead-in or an explanation makes nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .._reading import Block, Section
from ._grammar import as_mine, n_words, plain, words
from ._leads import goal, last_sentence, leads, maker
from ._triple import Triple
from ._wording import HERE, Topic, Voice, choose, is_goal

_SHELL = words("bash sh shell zsh console shell-session fish powershell ps1 cmd bat")
_NAMES = {
    "sql": "SQL", "sqlite": "SQL", "python": "Python", "py": "Python", "python3": "Python", "js": "JavaScript",
    "javascript": "JavaScript", "ts": "TypeScript", "typescript": "TypeScript", "go": "Go", "rust": "Rust", "c": "C",
    "cpp": "C++", "c++": "C++", "java": "Java", "kotlin": "Kotlin", "ruby": "Ruby", "php": "PHP", "cs": "C#",
    "csharp": "C#", "swift": "Swift", "r": "R", "lua": "Lua", "perl": "Perl", "html": "HTML", "css": "CSS",
    "graphql": "GraphQL", "hcl": "Terraform",
}  # fmt: skip
_CONFIGS = {
    "toml": "TOML", "yaml": "YAML", "yml": "YAML", "json": "JSON", "ini": "INI", "xml": "XML", "conf": "configuration",
    "nginx": "nginx configuration", "systemd": "systemd configuration",
}  # fmt: skip
_OUTPUTS = frozenset({"text", "txt", "output", "log", "plain", "plaintext"})
_NOUNS_TOO = frozenset({"table", "view", "index", "trigger", "schema", "helper", "test", "shell", "error", "class"})
_SQL_NOUNS = frozenset({"query", "statement", "pragma", "view", "trigger", "expression", "index", "table", "schema"})
_EXPLAINS = re.compile(
    r"(?i)^(?:the|this|that|each|here,? the|here,? this)\s+(?:[\w`-]+\s+){0,2}(?:query|statement|"
    r"command|script|function|"
    r"code|snippet|trigger|view|pragma|program|class|example|expression|loop|wrapper|helper|handler|"
    r"block|join|index|clause|"
    r"call|option|flag|line|constraint|table|unit|service|timer|job|transaction|result|"
    r"output)s?\b(?!\s+(?:of\s+this\s+chapter))"
)
_NEEDS_MORE = re.compile(
    r"(?i)\b(?:first|second|last|previous|earlier|both|other|same) (?:query|statement|command|script|example|code)\b"
)


def make_code(section: Section, voice: Voice) -> Iterator[Triple]:
    """Make up to three triples per fenced block."""
    topic = voice.topic_of(section)
    for number, block in enumerate(section.body):
        if block.kind != "code" or not block.code.strip():
            continue
        before = section.body[number - 1] if number else None
        after = section.body[number + 1] if number + 1 < len(section.body) else None
        if before is not None and before.kind == "paragraph" and block.language not in _OUTPUTS:
            yield from _from_lead(section, voice, topic, (before, block))
        if after is not None and after.kind == "paragraph" and not leads(after.text) and _explains(after.text):
            asked = voice.place(choose(_explain_forms(block), block.code))
            yield Triple("code", asked, after.text, (block, after), input=block.text)


def _from_lead(section: Section, voice: Voice, topic: Topic | None, blocks: tuple[Block, Block]) -> Iterator[Triple]:
    lead, block = blocks
    aim = goal(lead.text)
    sort, what, does = maker(lead.text)
    if aim:
        yield Triple("code", voice.place(_ask_goal(aim, block)), section.document.span((block,)), (block,))
    elif does:
        yield Triple(
            "code", voice.place(_ask_maker(_noun(sort, what, block), does)), section.document.span((block,)), (block,)
        )
        if leads(lead.text) and does in lead.text:  # else emphasis or a line break stands between the words
            thing = _noun(sort, what, block)
            forms = [f"What does this {thing} do? Answer in one phrase.", f"Say in one phrase what this {thing} does.",
                     f"Summarise in one phrase what this {thing} does."]  # fmt: skip
            yield Triple("code", choose(forms, does), does, (lead, block), input=block.text)
    elif leads(lead.text) and topic is not None and topic.form != "question" and block.language:
        yield Triple("code", voice.place(_ask_topic(topic, lead, block)), section.document.span(blocks), blocks)


def _noun(sort: str, noun: str, block: Block) -> str:
    """Name what a block is: the lead-in's words, with the language where they do not say it."""
    name = _NAMES.get(block.language, "")
    if (noun in _SQL_NOUNS and name not in {"", "SQL"}) or noun in {"example", "snippet", "listing", "code"}:
        noun = "code"
    if name.lower() in sort.lower():
        name = ""
    order = (name, sort, noun) if sort.lower() in _NOUNS_TOO else (sort, name, noun)
    return " ".join(word for word in order if word)


def _ask_goal(aim: str, block: Block) -> str:
    mine = as_mine(aim)
    single = "\n" not in block.code.strip()
    name = _NAMES.get(block.language) or _CONFIGS.get(block.language, "")
    if block.language in _SHELL:
        noun = "command" if single else "commands"
        forms = [f"Which {noun} do I run to {mine}{HERE}?", f"Give me the {noun} to {aim}{HERE}.",
                 f"How do I {mine}{HERE} from the command line?"]  # fmt: skip
    elif block.language in _CONFIGS:
        forms = [f"Show me the {name} to {aim}{HERE}.", f"What {name} do I need to {mine}{HERE}?"]
    elif name == "SQL":
        forms = [f"Write SQL to {aim}{HERE}.", f"Show me the SQL to {aim}{HERE}.", f"How do I {mine} with SQL{HERE}?"]
    elif name:
        forms = [f"Write {name} code to {aim}{HERE}.", f"Show me {name} code to {aim}{HERE}.",
                 f"How do I {mine}{HERE} with {name}?"]  # fmt: skip
    else:
        forms = [f"Show me how to {aim}{HERE}.", f"How do I {mine}{HERE}? Show an example."]
    return choose(forms, aim + block.code)


def _ask_maker(thing: str, does: str) -> str:
    article = "" if thing.endswith("code") else "an " if re.match(r"(?i)[aeio]|SQL|HTML|R ", thing) else "a "
    return f"{choose(['Write', 'Show me', 'Give me'], does)} {article}{thing} that {does}{HERE}."


def _ask_topic(topic: Topic, lead: Block, block: Block) -> str:
    name = _NAMES.get(block.language) or ("shell" if block.language in _SHELL else "")
    shown = f"with {name} code" if name else "with an example"
    text = topic.text
    forms = {
        "clause": [f"Explain {text}{HERE}, {shown}."],
        "activity": [f"Show me an example of {text}{HERE}.", f"Explain {text}{HERE}, {shown}."],
        "setting": [f"Show me an example of what to do {text}{HERE}."],
        "thing": [f"Show me an example of {text}{HERE}.", f"Illustrate {text}{HERE} {shown}."],
        "goal": [f"Show me how to {text}{HERE}, {shown}.", f"How do I {as_mine(text)}{HERE}? Show an example."],
    }.get(topic.form, [f'Show an example that goes with "{topic.heading}".'])
    if topic.form == "goal" and not is_goal(text):
        forms = [f'Show an example of this advice: "{topic.heading}".']
    return choose(forms, text + last_sentence(lead.text))


def _explains(text: str) -> bool:
    words = plain(text)
    return bool(_EXPLAINS.match(words)) and n_words(words) >= 8 and not _NEEDS_MORE.search(words)


def _explain_forms(block: Block) -> list[str]:
    if block.language in _SHELL:
        single = "\n" not in block.code.strip()
        these, does = ("this command", "does") if single else ("these commands", "do")
        return [f"Explain what {these} {does}.", f"What should I know about {these}?"]
    if name := _CONFIGS.get(block.language):
        return [f"Explain this {name}.", f"What should I know about this {name}?"]
    noun = _noun("", "code", block).replace("SQL code", "SQL")
    return [f"Explain this {noun}.", f"What should I know about this {noun}?", f"Describe what this {noun} does."]
