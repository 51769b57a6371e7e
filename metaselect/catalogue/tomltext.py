"""TOML that people write: what is wrong with it in plain words, and on which line."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from metaselect.errors import MetaselectError
from metaselect.wording import counted

Place = tuple[str | int, ...]
"""Where a setting stands: names of tables and of the setting, positions in lists from 0."""

_WIDTH = 60  # of what stands there, in a message
_PLAIN = {
    "Invalid statement": "allowed are name = value, [table] and # comment; put a name with other "
    "letters than A to Z between quotation marks",
    "Expected '='": "a setting is written name = value",
    "Expected ']'": "a table's name stands between [ and ]",
    "Expected ']]'": "the name of a table in a list stands between [[ and ]]",
    "Expected newline": "something stands behind a value; close its quotation marks and brackets, "
    "and start the next setting on a line of its own",
    "Expected \"'": "a text between ''' ends in '''",
    "Found invalid character": "it holds a control character; take it out",
    "Cannot declare": "this table is there already; join the two",
    "Cannot mutate": "this table is whole already; join the two",
    "Cannot redefine": "this table is there already; join the two",
    "Cannot overwrite": "this name is there already; give it once",
    "Duplicate inline table key": "a name between { and } is there already; give it once",
    "Invalid initial character": "a name has letters A to Z, digits, _ and - only; put any other "
    "between quotation marks",
    "Unclosed array": "a list before this lacks its ], or a comma between two entries",
    "Unclosed inline table": "a table before this lacks its }, or a comma between two settings",
    "Unterminated string": "a text lacks the quotation marks at its end",
    "Illegal character": "a text lacks the quotation mark at its end, or holds a control character",
    **dict.fromkeys(
        ("Unescaped", "Invalid hex"),
        "\\ starts a code in a text between \"\"; write \\\\, or put the text between ''",
    ),
    "Escaped character": "this code is no letter; write the letter itself",
    "Invalid date": "there is no such date or time",
    "Invalid value": "no value stands here; put texts between quotation marks, and write true and "
    "false in small letters",
    "Exceeds the limit": "a number has too many digits",
}
"""What starts tomllib's messages, in words of those who write a file."""

_TYPES = {
    "string": "a text between quotation marks",
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "bool": "true or false",
    **dict.fromkeys(("list", "tuple"), "a list between [ and ]"),
    **dict.fromkeys(("dict", "mapping", "model", "dataclass"), "a table"),
}
"""What stands before the first `_` in the types of pydantic's errors, in the same words."""

_NO_PATTERNS: Mapping[str, str] = {}
_LIMITS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def read_text(path: Path, *, what: str) -> str:
    """The text of a file that a user wrote, without a byte order mark.

    Args:
        path: The file.
        what: Names it in errors, after "Cannot read".

    Raises:
        MetaselectError: There is no such file, or it is no UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise MetaselectError(
            f"Cannot read {what}: line {line} is not UTF-8 text; save the file as UTF-8."
        ) from error
    except OSError as error:
        raise MetaselectError(f"Cannot read {what}: {error.strerror or error}.") from error


def tables_of(text: str, *, where: str) -> dict[str, Any]:
    """The tables of a TOML text; `where` names it in errors.

    Raises:
        MetaselectError: It is not TOML; the line is told and what to write there.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        deep = "lists or tables stand too deep in each other; write them flatter"
        raise MetaselectError(f"{where} is not TOML: {deep}.") from error
    except ValueError as error:  # numbers of 5,000 digits are no TOMLDecodeError
        raise MetaselectError(f"{where} is not TOML: {_plain(str(error), text)}.") from error


def _plain(message: str, text: str) -> str:
    starts = [start for start in _PLAIN if message.startswith(start)]
    words = _PLAIN[max(starts, key=len)] if starts else message.split(" (at ")[0]
    found = re.search(r"\(at line (\d+), column (\d+)\)$", message)
    rows = text.replace("\r\n", "\n").split("\n")
    if found is not None:
        line, column = map(int, found.groups())
        place = f"line {line}, column {column}"
    elif message.endswith("(at end of document)"):
        line = len(text.rstrip().splitlines()) or 1
        place = f"at its end, line {line}"
    else:
        return words
    there = rows[line - 1].strip()
    return f"{place}, {_shown(there)}: {words}" if there else f"{place}: {words}"


def lines_of(text: str) -> dict[Place, int]:
    """Lines of the tables and settings of a TOML text, from 1; those inside of values lack."""
    found: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*(\[\[?[^=]*?\]\]?)\s*(#.*)?$", line)
        key = re.match(r"\s*([^\s=#\[{,][^=#]*?)\s*=", line)
        if head and (names := _names(head[1])):
            table = _inside(names, counts)
            if head[1].startswith("[["):
                found.setdefault(table, number)
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found.setdefault(table, number)
        elif key and (names := _names(f"{key[1]} = 0")):
            found.setdefault((*table, *names), number)
    return found


def _names(statement: str) -> Place:
    """The names that a table's head or a setting has, outermost first; () where it has none."""
    names: list[str] = []
    try:
        value: Any = tomllib.loads(statement)
    except (ValueError, RecursionError):
        return ()
    while isinstance(value, dict) and value:
        ((name, value),) = value.items()
        names.append(name)
    return tuple(names)


def _inside(names: Place, counts: Mapping[Place, int]) -> Place:
    """The place of a table by its names, where tables in lists also have a position."""
    place: Place = ()
    for at, name in enumerate(names):
        place = (*place, name)
        if place in counts and at < len(names) - 1:
            place = (*place, counts[place])
    return place


def with_line(name: str, place: Sequence[str | int], lines: Mapping[Place, int]) -> str:
    """A setting's name with the line that it stands on, or that of the innermost table or list
    around it.
    """
    for end in range(len(place), 0, -1):
        if (line := lines.get(tuple(place[:end]))) is not None:
            return f"{name} (line {line})".lstrip()
    return name


def setting_fault(
    fault: Mapping[str, Any], known: Sequence[str], patterns: Mapping[str, str] = _NO_PATTERNS
) -> str:
    """What pydantic found wrong with a setting, as what may stand there.

    Args:
        fault: Of `ValidationError.errors()`.
        known: Names of the settings that there are beside it.
        patterns: What texts of a pattern are, by the pattern.
    """
    kind, context, value = fault["type"], fault.get("ctx", {}), fault["input"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return _no_such(str(fault["loc"][-1]), known)
    if kind in ("missing", "value_error"):
        return "is missing" if kind == "missing" else str(context["error"])
    if kind in ("too_short", "too_long"):
        side, limit = ("least", "min") if kind == "too_short" else ("most", "max")
        number = counted(context[f"{limit}_length"], "entry", "entries")
        return f"at {side} {number}, not {context['actual_length']}"
    if kind == "string_too_short":
        return f"at least {counted(context['min_length'], 'letter')}, not {_shown(value)}"
    if kind == "literal_error":
        return one_of(re.findall("'([^']*)'", context["expected"]), value)
    if kind == "string_pattern_mismatch":
        allowed = patterns.get(context["pattern"], f"a text of the form {context['pattern']}")
    elif kind in _LIMITS:
        limit, words = _LIMITS[kind]
        allowed = f"{words} {context[limit]}"
    else:
        allowed = _TYPES.get(kind.split("_")[0], "")
    return f"{allowed}, not {_shown(value)}" if allowed else str(fault["msg"])


def one_of(names: Sequence[str], value: object) -> str:
    """That a value is none of some names, with the nearest."""
    near = difflib.get_close_matches(str(value).lower(), names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"one of {', '.join(names)}, not {_shown(value)}{hint}"


def _no_such(name: str, known: Sequence[str]) -> str:
    """That there is no setting of a name, with the nearest, or else with those that there are."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"no such setting ({hint})"


def refusal(where: str, faults: Iterable[str]) -> MetaselectError:
    """The error that tells the faults of a file, each once and on a line of its own."""
    lines = list(dict.fromkeys(faults))
    if len(lines) == 1:
        return MetaselectError(f"{where}: {lines[0]}.")
    return MetaselectError("\n  ".join([f"{where}: {len(lines)} faults", *lines]))


def _shown(value: object) -> str:
    text = "".join(char if char.isprintable() else "?" for char in repr(value))
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
