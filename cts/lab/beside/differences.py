"""The differences that are meant: checks/beside-original-differences.

A line is `SCENARIO | STEP | ENTRY | OURS | ORIGINAL | ROW`. The first five may have wildcards, since what the original
does at each start is one difference and not one for each scenario. ROW names the row of "What differs" in
docs/from-ldirectord.md, where the reason stands.
"""

import fnmatch


class Listed:
    """Is one line."""

    def __init__(self, line):
        *self.words, self.row = (word.strip() for word in line.split(" | "))
        self.line, self.occurs = line, False
        if len(self.words) != 5:
            raise ValueError(f"not six parts: {line}")

    def matches(self, words):
        return all(fnmatch.fnmatchcase(word, pattern) for word, pattern in zip(words, self.words))

    def concerns(self, names):
        """Tells whether it could occur when only the scenarios of NAMES were played."""
        return self.words[0] in names


def read(path):
    with open(path) as file:
        return [Listed(line.strip()) for line in file if line.strip() and not line.startswith("#")]


def documented(path):
    """Returns the first cells of the table that users read."""
    with open(path) as file:
        rows = file.read().partition("## What differs")[2].splitlines()
    return {row.split(" | ")[0].removeprefix("| ") for row in rows if row.startswith("| ")}
