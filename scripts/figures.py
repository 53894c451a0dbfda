#!/usr/bin/env python3
"""Writes what the durability tests measured into docs/TESTING.md.

usage: figures.py test|soak LOG

Takes the lines `figure: NAME | VALUE` of LOG into the table between the two marks, in the column of the command that
ran; the other column stays. Where a name comes several times, as from several tests, the last one counts.
"""

import pathlib
import re
import sys

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEAD = ["| what | `make test` | `make soak` |", "|---|---|---|"]

column, log = sys.argv[1], pathlib.Path(sys.argv[2])
assert column in ("test", "soak"), column
page = pathlib.Path(__file__).resolve().parent.parent / "docs" / "TESTING.md"
before, rest = page.read_text().split(BEGIN)
table, after = rest.split(END)

rows = {}
for line in table.splitlines():
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    if len(cells) == 3 and cells[0] != "what" and not cells[0].startswith("---"):
        rows[cells[0]] = cells[1:]
measured = re.findall(r"figure: ([^|\n]+?) \| ([^\n]+)", log.read_text(errors="replace"))
for name, value in measured:
    values = rows.setdefault(name.strip(), ["–", "–"])
    values[0 if column == "test" else 1] = value.strip().replace("|", "/")
lines = HEAD + [f"| {name} | {test} | {soak} |" for name, (test, soak) in sorted(rows.items())]
page.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after)
