"""What the two programs wrote beside the table, in a form in which it can be compared."""

import re


def lines(path):
    try:
        with open(path, errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


class Reading:
    """Is a file that a step may look at. NORMAL makes entries to compare of its new lines."""

    def __init__(self, name, path, normal):
        self.name, self.path, self.normal, self.size = name, path, normal, 0

    def take(self):
        """Returns the entries of what has come since the last call."""
        found = lines(self.path)
        before, self.size = self.size, len(found)
        return self.normal(found[before:])


def distinct(found):
    """Returns what there is, in the order of the alphabet: what happens at the same time has no other."""
    return sorted(set(found))


def calls(found):
    """Returns what commands were called with. The original calls one again for each real server that it tries."""
    return {"calls": distinct(found)}


def log(found):
    """Returns the texts of the lines."""
    texts = (re.sub(r"^\[[^]]*\] ", "", line) for line in found)
    return {"log": distinct(re.sub(r"\bpid: \d+", "pid: N", text) for text in texts)}


def monitor_file(found):
    """Returns the newest state of each real server, and what is said of them: `[DATE] [PID] ID [up|down] MESSAGE`."""
    matches = [re.match(r"\[.*?\] (?:\[\d+\] )?(.*)\[(up|down)\] (.*)", line) for line in found]
    newest = {match[1]: match for match in matches if match}
    return {"monitorfile": distinct(f"{identity}[{match[2]}]" for identity, match in newest.items()),
            "messages": distinct(match[3] for match in newest.values())}
