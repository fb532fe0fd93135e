"""The dataset card of an export: what the file holds, how it was made, and what may be done with it.

Flows in: plain facts. Flows out: Markdown with the YAML head of the Hugging Face Hub. Every name in it was written by
somebody else, so each is quoted. Nothing is read here, and nothing that is not known is filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from insgen.report.budget import CutNote

_MAX_SOURCES = 50
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LOADERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv"}
_TAME = re.compile(r"[^\W_]([^\W_]|[ .,-])*")

# The Hub's identifiers for the licences that texts and data sets usually have; any other is "other" there.
_HUB_LICENCES = """
afl-3.0 apache-2.0 bsd-2-clause bsd-3-clause bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0
cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0
cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 epl-2.0 eupl-1.1 gfdl
gpl-2.0 gpl-3.0 isc lgpl-2.1 lgpl-3.0 mit mpl-2.0 odbl odc-by openrail pddl postgresql unlicense wtfpl zlib
"""


@dataclass(frozen=True)
class SourceCount:
    """How many exported members came from one source under one licence.

    :ivar source: as in `Origin`, else the generator's name; ``None`` when neither is known.
    :ivar licence: as in `Origin`; ``None`` when the source states none.
    """

    source: str | None
    licence: str | None
    n_members: int


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and what its format could not carry.

    :ivar file_name: without its folder.
    :ivar format: the exporter's name.
    :ivar suffix: the exporter's file ending, with its dot.
    :ivar sources: most members first.
    :ivar n_turns_lost: members whose later turns the format cannot carry.
    :ivar n_system_lost: members whose system message it cannot carry.
    :ivar n_unanswered: members without output.
    """

    file_name: str
    format: str
    suffix: str
    n_members: int
    sources: tuple[SourceCount, ...] = ()
    n_turns_lost: int = 0
    n_system_lost: int = 0
    n_unanswered: int = 0


@dataclass(frozen=True)
class CardFacts:
    """What a card tells; a fact that is not known is ``None`` or empty and is left out.

    :ivar title: the project's name.
    :ivar language: a BCP 47 tag.
    :ivar recipe: name of the recipe that the project was made from.
    :ivar n_proposed: candidates ever proposed; ``n_kept`` of them passed every filter; ``n_bank`` are in the bank now.
    :ivar rejected: number of candidates by reason.
    :ivar evaluation_hits: evaluation items (``file:line``) that rejected candidates repeated, with their number.
    :ivar generators: stages that proposed, in the config's order; likewise filters and scorers.
    :ivar llm: the language model's id.
    :ivar plugins: version by distribution, without insgen itself.
    :ivar exported: filled in by the export.
    :ivar cut: the budget that the export was cut to; ``None`` when it is the whole bank.
    """

    title: str
    insgen_version: str
    domain: str = ""
    language: str = ""
    recipe: str = ""
    config_hash: str = ""
    bank_version: int | None = None
    n_proposed: int | None = None
    n_kept: int | None = None
    n_bank: int | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    evaluation_hits: Mapping[str, int] = field(default_factory=dict)
    generators: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    scorers: tuple[str, ...] = ()
    selector: str = ""
    embedding_model: str = ""
    llm: str = ""
    plugins: Mapping[str, str] = field(default_factory=dict)
    exported: Exported | None = None
    cut: CutNote | None = None


def card_text(facts: CardFacts) -> str:
    """Write the card; the same facts give the same text."""
    sections = [_head(facts), f"# {_heading(facts.title)}\n\n{_introduction(facts)}"]
    if facts.exported:
        sections.append(f"## Use\n\n{_use(facts.exported)}")
        sections += [f"## The cut\n\n{_cut(facts.cut)}"] if facts.cut else []
        sections.append(f"## Sources and licences\n\n{_sources(facts.exported)}")
    sections.append(f"## How it was made\n\n{_making(facts)}")
    return "\n\n".join(sections) + "\n"


def _head(facts: CardFacts) -> str:
    lines = ["---", f"pretty_name: {_quoted(facts.title)}"]
    language = facts.language.split("-")[0].lower()
    if re.fullmatch(r"[a-z]{2,3}", language):
        lines += ["language:", f"- {_quoted(language)}"]
        lines += ["language_bcp47:", f"- {_quoted(facts.language)}"] if "-" in facts.language else []
    lines += ["task_categories:", '- "text-generation"']
    lines += ["tags:", '- "instruction-tuning"', '- "synthetic"', '- "insgen"']
    if facts.exported:
        lines += ["license:", *(f"- {_quoted(each)}" for each in _licence_ids(facts.exported.sources))]
        lines += ["size_categories:", f"- {_quoted(_size(facts.exported.n_members))}"]
        lines += ["configs:", '- config_name: "default"', f"  data_files: {_quoted(facts.exported.file_name)}"]
    return "\n".join([*lines, "---"])


def _introduction(facts: CardFacts) -> str:
    of = f" for the domain {_inline(facts.domain)}" if facts.domain else ""
    n_members = f"{facts.exported.n_members:,} instructions" if facts.exported else "Instructions"
    return (
        f"{n_members}{of}, grown with insgen {_inline(facts.insgen_version)}: proposed, filtered, scored, and selected"
        " for quality and diversity. Rows are in rank order, best first; the first K are the selector's best K."
    )


def _use(exported: Exported) -> str:
    lines = [f"The format is {_inline(exported.format)}; every row's `id` names the instruction in insgen's store."]
    if loader := _LOADERS.get(exported.suffix):
        call = f'load_dataset("{loader}", data_files={_quoted(exported.file_name)}, split="train")'
        lines += ["", "```python", "from datasets import load_dataset", "", f"rows = {call}", "```"]
    losses = [
        (exported.n_turns_lost, "lost the later turns of their conversation, which this format cannot carry"),
        (exported.n_system_lost, "lost their system message, which this format cannot carry"),
        (exported.n_unanswered, "have no answer"),
    ]
    told = [f"- {n:,} of {exported.n_members:,} rows {what}." for n, what in losses if n]
    return "\n".join([*lines, "", *told] if told else lines)


def _cut(note: CutNote) -> str:
    lines = [f"The beginning of the bank's ranking, with {', '.join(note.limits())}."]
    if note.budget.counts:
        lines[0] += f" It has {note.cut.n_replies:,} replies with {note.cut.n_tokens:,} tokens."
        lines[0] += f" Tokens were counted with {_inline(note.tokenizer)}, without a chat template."
    if note.walk == "paper":
        lines[0] += (
            " The ranking was walked down as the released program of PIBE (arXiv:2502.11419) does, so the budget may be"
            " missed or broken."
        )
    told = [f"- {remark}." for remark in note.remarks()]
    return "\n".join([*lines, "", *told] if told else lines)


def _sources(exported: Exported) -> str:
    lines = []
    for each in exported.sources[:_MAX_SOURCES]:
        source = _inline(each.source) if each.source else "source unknown"
        licence = f"licence {_inline(each.licence)}" if each.licence else "no licence stated"
        lines.append(f"- {source}: {licence}, rows: {each.n_members:,}")
    rest = exported.sources[_MAX_SOURCES:]
    if rest:
        lines.append(f"- more sources: {len(rest):,}, rows: {sum(each.n_members for each in rest):,}")
    n_unknown = sum(each.n_members for each in exported.sources if not each.licence)
    stated = sorted({each.licence for each in exported.sources if each.licence})
    if len(stated) > 1:
        lines += [
            "",
            f"**Several licences apply:** {', '.join(map(_inline, stated))}. Each row is under that of its source.",
        ]
    if n_unknown:
        lines += ["", f"**Rows with no stated licence: {n_unknown:,}.** Whoever publishes them has to find out."]
    return "\n".join(lines)


def _making(facts: CardFacts) -> str:
    told = {
        "recipe": facts.recipe,
        "config": facts.config_hash,
        "bank version": _number(facts.bank_version),
        "language model": facts.llm,
        "generators": facts.generators,
        "embedding model": facts.embedding_model,
        "filters": facts.filters,
        "scorers": facts.scorers,
        "selector": facts.selector,
        "plugins": tuple(f"{name} {version}" for name, version in sorted(facts.plugins.items())),
    }
    lines = [
        f"- {what}: {_inline(value) if isinstance(value, str) else ', '.join(map(_inline, value))}"
        for what, value in told.items()
        if value
    ]
    counts = {"proposed": facts.n_proposed, "passed every filter": facts.n_kept, "in the bank": facts.n_bank}
    lines += [f"- {what}: {n:,}" for what, n in counts.items() if n is not None]
    if facts.rejected:
        lines.append(f"- rejected: {sum(facts.rejected.values()):,}")
        by_count = sorted(facts.rejected.items(), key=lambda pair: (-pair[1], pair[0]))
        lines += [f"  - {_inline(reason)}: {n:,}" for reason, n in by_count]
    if facts.evaluation_hits:
        lines.append(f"- evaluation items that rejected candidates repeated: {len(facts.evaluation_hits):,}")
        lines += [f"  - {_inline(item)}: {n:,}" for item, n in list(facts.evaluation_hits.items())[:_MAX_SOURCES]]
        n_more = len(facts.evaluation_hits) - _MAX_SOURCES
        lines += [f"  - and {n_more:,} more"] if n_more > 0 else []
    return "\n".join(lines)


def _licence_ids(sources: Iterable[SourceCount]) -> list[str]:
    """The Hub's identifiers: ``unknown`` for rows without a licence, ``other`` for one that the Hub does not know."""
    stated = {each.licence.strip().lower() if each.licence else "unknown" for each in sources} or {"unknown"}
    known = {*_HUB_LICENCES.split(), "unknown"}
    return sorted({each if each in known else "other" for each in stated})


def _size(n_members: int) -> str:
    return next((name for limit, name in _SIZES if n_members < limit), "1M<n<10M" if n_members < 10**7 else "n>10M")


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _quoted(text: str) -> str:
    """Write a text as a double-quoted scalar, which means the same to YAML and to Python, whatever is in it."""
    return '"' + "".join(each if each.isprintable() and each not in '"\\' else _escape(each) for each in text) + '"'


def _escape(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def _inline(text: str) -> str:
    """Write a name into a line of Markdown as code, on one line, so that nothing in it acts."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _heading(title: str) -> str:
    return title if _TAME.fullmatch(title) else _inline(title)
