from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from support.members import ranked, varied_members

from insgen import Candidate, InsgenError, Member, PluginError
from insgen.plugins.exporters.alpaca import AlpacaExporter
from insgen.plugins.exporters.messages import MessagesExporter
from insgen.plugins.exporters.parquet import ParquetExporter
from insgen.report.card import CardFacts, SourceCount
from insgen.report.export import card_path, export_bank

FACTS = CardFacts(title="Kubernetes", insgen_version="0.1.0")

KILLED = """
import sys
from pathlib import Path
from insgen import Candidate, Member
from insgen.plugins.exporters.alpaca import AlpacaExporter
from insgen.report.card import CardFacts
from insgen.report.export import export_bank

def members():
    for rank in range(1, 5_000):
        yield Member(Candidate(f"Explain topic {rank}."), rank, 0.0, 0.0, 0.0)
    print("half-way", flush=True)
    sys.stdin.read()

export_bank(members(), AlpacaExporter(), Path(sys.argv[1]), CardFacts("Kubernetes", "0.1.0"), force=True)
"""


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_file_and_card_stand_side_by_side_and_nothing_else_is_left(tmp_path: Path) -> None:
    summary = export_bank(varied_members(), AlpacaExporter(), tmp_path / "bank.jsonl", FACTS)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["bank.jsonl", "bank.jsonl.README.md"]
    assert [row["instruction"] for row in rows(summary.path)] == [m.candidate.instruction for m in varied_members()]
    assert summary.card == card_path(tmp_path / "bank.jsonl")
    assert "5 instructions" in summary.card.read_text("utf-8")


def test_exports_of_several_formats_do_not_share_a_card(tmp_path: Path) -> None:
    export_bank(varied_members(), AlpacaExporter(), tmp_path / "bank.jsonl", FACTS)
    export_bank(varied_members(), ParquetExporter(), tmp_path / "bank.parquet", FACTS)

    assert '"json"' in card_path(tmp_path / "bank.jsonl").read_text("utf-8")
    assert '"parquet"' in card_path(tmp_path / "bank.parquet").read_text("utf-8")


def test_what_the_format_cannot_carry_is_counted_and_told(tmp_path: Path) -> None:
    summary = export_bank(varied_members(), AlpacaExporter(), tmp_path / "bank.jsonl", FACTS)

    assert summary.losses() == [
        "1 of 5 members lost the later turns of their conversation: alpaca cannot carry them.",
        "1 of 5 members lost their system message: alpaca cannot carry it.",
        "1 of 5 members have no answer: nothing in the config gave them one.",
    ]


def test_format_that_carries_everything_tells_of_no_loss(tmp_path: Path) -> None:
    answered = [member for member in varied_members() if member.candidate.output]

    assert export_bank(answered, MessagesExporter(), tmp_path / "bank.jsonl", FACTS).losses() == []


def test_sources_are_counted_with_their_licences_most_members_first(tmp_path: Path) -> None:
    summary = export_bank(varied_members(), AlpacaExporter(), tmp_path / "bank.jsonl", FACTS)

    assert summary.exported.sources == (
        SourceCount("docs/manual.md", "CC-BY-4.0", 2),
        SourceCount(None, None, 1),
        SourceCount("llm", None, 1),
        SourceCount("tatoeba", "CC-BY-2.0", 1),
    )


@pytest.mark.parametrize("taken", ["bank.jsonl", "bank.jsonl.README.md"])
def test_file_or_card_that_is_there_is_kept_without_force_and_replaced_with_it(taken: str, tmp_path: Path) -> None:
    (tmp_path / taken).write_text("mine")

    with pytest.raises(InsgenError, match=rf"(?s){taken} is there already\..*Expected a new name.*--force"):
        export_bank(varied_members(), AlpacaExporter(), tmp_path / "bank.jsonl", FACTS)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]

    export_bank(varied_members(), AlpacaExporter(), tmp_path / "bank.jsonl", FACTS, force=True)
    assert (tmp_path / taken).read_text("utf-8") != "mine"


def test_killed_export_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "bank.jsonl"
    export_bank(varied_members(), AlpacaExporter(), target, FACTS)
    before = target.read_bytes(), card_path(target).read_bytes()

    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half-way\n"
        child.kill()

    assert (target.read_bytes(), card_path(target).read_bytes()) == before


def test_failing_export_leaves_the_old_file_and_no_part_of_the_new(tmp_path: Path) -> None:
    def members() -> Iterator[Member]:
        yield from varied_members()
        raise InsgenError("the store is gone")

    (tmp_path / "bank.jsonl").write_text("mine")

    with pytest.raises(InsgenError, match="the store is gone"):
        export_bank(members(), AlpacaExporter(), tmp_path / "bank.jsonl", FACTS, force=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_full_disk_is_told_in_three_parts(tmp_path: Path) -> None:
    with pytest.raises(InsgenError, match=r"(?s)could not be written: .*No space.*Expected a folder.*Choose another"):
        export_bank(varied_members(), FullDisk(), tmp_path / "bank.jsonl", FACTS)
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class FullDisk:
    name: ClassVar[str] = "full-disk"
    suffix: ClassVar[str] = ".jsonl"
    loses: ClassVar[Sequence[str]] = ()

    def export(self, members: Iterable[Member], path: Path) -> int:
        path.write_text(str(len(list(members))))
        with Path("/dev/full").open("w") as disk:
            disk.write("a row")
        return 0


def test_exporter_that_leaves_members_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r'(?s)"forgetful" says that it wrote 4 members; it was given 5\..*author'):
        export_bank(varied_members(), Forgetful(), tmp_path / "bank.jsonl", FACTS)
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class Forgetful:
    name: ClassVar[str] = "forgetful"
    suffix: ClassVar[str] = ".jsonl"
    loses: ClassVar[Sequence[str]] = ()

    def export(self, members: Iterable[Member], path: Path) -> int:
        path.write_text("")
        return len(list(members)) - 1


def test_folder_is_refused_as_a_target(tmp_path: Path) -> None:
    with pytest.raises(InsgenError, match=r"(?s)is a folder\..*Expected the name of a file.*bank\.jsonl"):
        export_bank(varied_members(), AlpacaExporter(), tmp_path, FACTS, force=True)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InsgenError, match=r"(?s)folder .*nowhere does not exist\..*Make it"):
        export_bank(varied_members(), AlpacaExporter(), tmp_path / "nowhere" / "bank.jsonl", FACTS)


def test_device_or_pipe_is_refused_even_with_force(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InsgenError, match=r"(?s)pipe is no plain file.*Choose another place"):
        export_bank(varied_members(), AlpacaExporter(), tmp_path / "pipe", FACTS, force=True)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(InsgenError, match=r"(?s)could not be written.*Permission denied"):
        export_bank(varied_members(), AlpacaExporter(), tmp_path / "bank.jsonl", FACTS)


def test_link_stays_a_link_to_the_new_content(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("old")
    (tmp_path / "link.jsonl").symlink_to("real.jsonl")

    export_bank(ranked(Candidate("Explain.")), AlpacaExporter(), tmp_path / "link.jsonl", FACTS, force=True)

    assert (tmp_path / "link.jsonl").is_symlink()
    assert rows(tmp_path / "real.jsonl")[0]["instruction"] == "Explain."


def test_empty_bank_is_refused_and_the_old_file_kept(tmp_path: Path) -> None:
    (tmp_path / "bank.jsonl").write_text("mine")

    with pytest.raises(InsgenError, match=r"(?s)nothing to export to .*bank\.jsonl.*`insgen run`"):
        export_bank([], AlpacaExporter(), tmp_path / "bank.jsonl", FACTS, force=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
