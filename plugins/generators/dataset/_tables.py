"""Tables -> rows: Parquet through pyarrow, saved data sets and the Hub through `datasets`.

An offset is a number of rows, and so is a line. Only columns that may be read are taken out of the table; the others
appear as ``None``, so that an error can still name them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from insgen import StageError

from ._rows import Row, quoted, trouble

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
    from datasets import Dataset, IterableDataset  # type: ignore[import-untyped]  # ships no types

_BATCH_ROWS = 64  # rows held as Python objects; few, since one may hold a picture
_BUFFER_BYTES = 1 << 20


def parquet_rows(path: Path, label: str, wanted: frozenset[str], offset: int) -> Iterator[Row]:
    """Read a Parquet file, a few rows at a time; a damaged row group is one problem, and the next one goes on.

    :raises StageError: the file is no Parquet, or is cut (its index stands at the end).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # ships no types

    try:
        # Buffered and not read ahead: else a whole row group of each column comes into memory.
        file = pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise StageError(
            trouble(
                f'"{label}" cannot be read as Parquet ({error}).',
                "A complete Parquet file was expected.",
                "Fetch it again, or take it out of paths.",
            )
        ) from error
    with file:
        names = file.schema_arrow.names
        columns = [name for name in names if name in wanted]
        end = 0
        for group in range(file.num_row_groups):
            start, end = end, end + file.metadata.row_group(group).num_rows
            done = max(start, offset)
            if done >= end:
                continue
            try:
                for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=columns):
                    left_out = min(max(0, offset - start), batch.num_rows)
                    start += batch.num_rows
                    for row in _batch_rows(batch.slice(left_out), names, done):
                        done = row.offset
                        yield row
            except (pa.ArrowException, OSError) as error:
                yield Row(done + 1, end, end, None, f"rows {done + 1} to {end} cannot be read: {error}")


def _batch_rows(batch: pa.RecordBatch | pa.Table, names: Sequence[str], done: int) -> Iterator[Row]:
    blank = dict.fromkeys(names)
    try:
        records: list[Mapping[str, Any] | None] = list(batch.to_pylist())
    except (ValueError, OverflowError):
        records = [None] * batch.num_rows
    if batch.num_columns == 0:  # pyarrow gives no records at all then
        records = [{}] * batch.num_rows
    for index, record in enumerate(records):
        problem, columns = "", record
        if columns is None:
            try:  # one bad cell (text that is no UTF-8) spoils the batch: find the row
                columns = batch.slice(index, 1).to_pylist()[0]
            except (ValueError, OverflowError) as error:
                problem = f"holds a value that cannot be read: {error}"
        done += 1
        yield Row(done, done, done, None if columns is None else {**blank, **columns}, problem)


def saved_rows(path: Path, label: str, split: str, wanted: frozenset[str], offset: int) -> Iterator[Row]:
    """Read a folder made by ``save_to_disk``; its files are mapped, not loaded.

    :raises StageError: the folder cannot be read, or has no such split.
    """
    import datasets

    try:
        saved = datasets.load_from_disk(str(path))
    except Exception as error:
        raise StageError(
            trouble(
                f'The saved data set "{label}" cannot be read ({error}).',
                "A folder made by save_to_disk was expected.",
                "Save it again, or take it out of paths.",
            )
        ) from error
    if isinstance(saved, datasets.DatasetDict):
        if split not in saved:
            raise StageError(
                trouble(
                    f'"{label}" has no split "{split}".',
                    f"Its splits are {quoted(saved)}.",
                    'Choose one with split = "...".',
                )
            )
        saved = saved[split]
    yield from table_rows(saved, wanted, offset)


def table_rows(table: Dataset, wanted: frozenset[str], offset: int) -> Iterator[Row]:
    """Read a mapped data set; pictures and sounds are not decoded."""
    names = table.column_names
    columns = [name for name in names if name in wanted]
    taken = table.select_columns(columns or names[:1]).with_format("arrow")
    for start in range(offset, len(taken), _BATCH_ROWS):
        yield from _batch_rows(taken[start : start + _BATCH_ROWS], names, start)


def hub_rows(name: str, split: str, wanted: frozenset[str], offset: int) -> Iterator[Row]:
    """Stream a data set from the Hub.

    :param name: its id, with ``:config`` behind it where it has several.
    :raises StageError: the Hub is out of reach (found out at once), or knows no such data set or split.
    """
    repository, _, config = name.partition(":")
    yield from _telling(name, lambda: _open_hub(repository, config, split), wanted, offset)


def _open_hub(repository: str, config: str, split: str) -> IterableDataset:
    import datasets
    import huggingface_hub

    # `load_dataset` tries for 23 seconds before it says that there is no network; this one question is not repeated.
    huggingface_hub.HfApi().dataset_info(repository, timeout=10)
    return datasets.load_dataset(repository, config or None, split=split, streaming=True)


def _telling(name: str, load: Callable[[], IterableDataset], wanted: frozenset[str], offset: int) -> Iterator[Row]:
    try:
        yield from stream_rows(load(), wanted, offset)
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise StageError(
            trouble(
                f'"{name}" is no file or folder here, and cannot be had from the Hugging Face Hub ({reason}).',
                "A path, or the id of a data set that can be reached, was expected.",
                "Look at the spelling, the split and the network, or download it and give its folder.",
            )
        ) from error


def stream_rows(stream: IterableDataset, wanted: frozenset[str], offset: int) -> Iterator[Row]:
    """Read a streamed data set, leaving out the first ``offset`` rows."""
    names = stream.column_names or []
    columns = [name for name in names if name in wanted]
    if columns:
        stream = stream.select_columns(columns)
    blank = dict.fromkeys(names)
    for done, record in enumerate(stream.skip(offset), start=offset + 1):
        yield Row(done, done, done, {**blank, **record})
