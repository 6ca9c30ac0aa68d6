"""A table that comes with a source in (.csv, .tsv, .xls, .xlsx), its rows as text out."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from brainatlas.cohorts.people import read_table
from braincaption.errors import ScanError, UsageError
from braincaption.extras import require

# How files begin: downloads called .xls are now and then .xlsx, or plain text.
_XLSX = b"PK"
_XLS = (b"\xd0\xcf\x11\xe0", b"\x09\x00", b"\x09\x02", b"\x09\x04", b"\x09\x08")


def read_spreadsheet(path: Path) -> list[dict[str, str]]:
    """Read the first sheet of a table, its first row as header; the content tells the format, not the name.

    Raises
    ------
    UsageError
        The file is damaged, or the reader for its format is not installed; the message says what to install.
    """
    try:
        with path.open("rb") as handle:
            start = handle.read(8)
        if not start.startswith((_XLSX, *_XLS)):
            return read_table(path)
        cells = _read_xlsx(path) if start.startswith(_XLSX) else _read_xls(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): check its permissions") from None
    except ScanError as error:
        raise UsageError(str(error)) from None
    header = [_text(cell) for cell in cells[0]] if cells else []
    return [{key: _text(cell) for key, cell in zip(header, row, strict=False) if key} for row in cells[1:]]


def normal_id(text: str) -> str:
    """Bring an id to one form, as spreadsheets turn 002 into 2.0.

    >>> normal_id("002"), normal_id("2.0"), normal_id("OAS1_0001_MR1")
    ('2', '2', 'OAS1_0001_MR1')
    """
    bare = text.strip()
    whole = bare.removesuffix(".0")
    return str(int(whole)) if whole.isdecimal() else bare


def _read_xls(path: Path) -> list[list[Any]]:
    xlrd = _reader("xlrd", path)
    try:
        sheet = xlrd.open_workbook(str(path), logfile=None).sheet_by_index(0)
    except Exception as error:  # xlrd raises whatever a damaged file leads it to
        raise ScanError(f"{path.name} is no readable .xls file ({error}): export it again, as .csv") from None
    return [sheet.row_values(index) for index in range(sheet.nrows)]


def _read_xlsx(path: Path) -> list[list[Any]]:
    openpyxl = _reader("openpyxl", path)
    try:
        # By its bytes: openpyxl refuses a name that ends in .xls.
        book = openpyxl.load_workbook(BytesIO(path.read_bytes()), read_only=True, data_only=True)
        return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
    except Exception as error:  # as above
        raise ScanError(f"{path.name} is no readable .xlsx file ({error}): export it again, as .csv") from None


def _reader(module: str, path: Path) -> Any:
    try:
        return require(module, "spreadsheets", "brainatlas")
    except Exception as error:
        raise UsageError(f"{path.name} needs a reader: {error}; or save the table as {path.stem}.csv") from None


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
