"""The commands of the documents: which host executes them, what they print, and which of them nothing executes.

document.py steps DOCUMENT FOLDER HOST...   writes what these hosts are to execute as FOLDER/0001 and so on, for document.sh
document.py compare WANTED PRINTED          succeeds when the output is the one of the document, else prints both
document.py agree CIB CIB                   succeeds when two configurations of the cluster have the same resources
document.py check                           judges README.md and docs/: nothing may be left that nobody has tried

A block of code says behind its language where it is executed: ```sh n1. Of several hosts each one executes it.

sh       commands. Each of them has to succeed.
console  the same behind `$ `; what stands below a command is its output. `...` stands for any number of lines.
crm      a configuration for crmsh, for lone, which has the cluster's configuration in a file.
pcs      the same by pcs: it begins where the `crm` before it has begun, and has to lead to the same resources.

Behind the hosts may stand exit=0,3 (the exit statuses that are right), soon (it is tried again until it is right), and ^C (it
is ended after a few seconds). What a person does with other means than a command is a comment: <!-- lab n1: crash -->.
"""

import glob
import os
import re
import sys
from xml.etree import ElementTree

HOSTS = ("n1", "n2", "rs1", "rs2", "client", "lone")
EXECUTED = ("sh", "console", "crm", "pcs", "lab")
SHOWN = ("text", "ini", "yaml", "ldirectord")

# What differs from run to run: it is the same word in both outputs. The words that say what is so stay.
NORMAL = [
    (r"\(pid \d+\)", "(pid N)"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "TIME"),
    (r"since \d\d:\d\d(:\d\d)?", "since TIME"),
    # A line of status: connections, and for how long the health is what it is.
    (r"^(\S+ (?:gate|masq|ipip) [\d-]+) [\d-]+ [\d-]+ (up|down|draining) \w+ ", r"\1 N N \2 TIME "),
    (r"knows \d+ of \d+, ", "knows N of N, "),
    (r"% of \d+", "% of N"),
    (r"sync id \d+", "sync id N"),
    (r"check failed \d+ of", "check failed N of"),
]

# What no host of the lab executes, by its document and a line of the block; why, and where else the same is done: a file of
# the repository and what it has to hold.
NOT_EXECUTED = [
    ("README.md", "./cts/run       # every test, on the real thing; ends with \"N passed, N failed\"", "it is what executes all others", "", ""),
    ("README.md", "cargo build --release", "a host of the lab has no compiler", "cts/lab/build.sh", "cargo build --release"),
    ("docs/from-ldirectord.md", "ldirectord /etc/ha.d/ldirectord.cf start         # also stop, restart, try-restart, reload, force-reload, status",
     "it needs a kernel with IPVS and the name of another program", "cts/checks/stand-in.sh", "for action in start status reload restart"),
    ("docs/operating.md", "packaging/build out        # out/lvs-agents_VERSION_ARCH.deb and out/lvs-agents-VERSION.ARCH.rpm",
     "a host of the lab has no compiler", "cts/lab/own_packages.sh", "packaging/build"),
    ("docs/operating.md", "systemctl enable --now lvs-agents", "a host of the lab has no systemd", "cts/checks/unit.sh", "systemctl start lvs-agents"),
    ("docs/pair.md", "location fence-n1-elsewhere fence-n1 -inf: n1", "the lab's power switch has a fence agent of its own",
     "cts/config/fencing.crm", "location fence-n1-elsewhere fence-n1 -inf: n1"),
    ("docs/pair.md", "pcs constraint location fence-n1 avoids n1", "the same by pcs", "cts/config/fencing.crm", "pcmk_delay_base=5s op monitor interval=60s"),
]


class Block:
    """A block of code, or a comment for the lab (language `lab`), and the line of the document in which it begins."""

    def __init__(self, line, words, text):
        self.line, self.text = line, text
        self.language, *rest = words or [""]
        self.hosts = [word for word in rest if word in HOSTS]
        self.options = [word for word in rest if word not in HOSTS]

    def exits(self):
        return next((option[5:].replace(",", " ") for option in self.options if option.startswith("exit=")), "0")


def blocks(document):
    """All blocks of a document.

    >>> [(b.line, b.language, b.hosts, b.text) for b in blocks("a\\n```sh n1 n2\\nls\\n```\\n<!-- lab n1: crash -->\\n")]
    [(2, 'sh', ['n1', 'n2'], 'ls\\n'), (5, 'lab', ['n1'], 'crash')]
    """
    found, begin, words, text = [], None, [], []
    for number, line in enumerate(document.splitlines(), 1):
        if line.lstrip().startswith("```"):
            if begin is None:
                begin, words, text = number, line.strip("` ").split(), []
            else:
                found.append(Block(begin, words, "".join(text)))
                begin = None
        elif begin is not None:
            text.append(line + "\n")
        elif comment := re.fullmatch(r"<!-- lab (\w+): (.*) -->", line):
            found.append(Block(number, ["lab", comment[1]], comment[2]))
    return found


def commands(block):
    """The commands of a block with the output of each; None: it is not shown.

    >>> list(commands(Block(1, ["console", "n1"], "$ a \\\\\\n  b\\n1\\n2\\n$ c\\n")))
    [('a \\\\\\n  b\\n', '1\\n2\\n'), ('c\\n', '')]
    """
    if block.language != "console":
        yield block.text, None
        return
    command, output, goes_on = None, "", False
    for line in block.text.splitlines(keepends=True):
        if goes_on:
            command += line
        elif line.startswith("$ "):
            if command:
                yield command, output
            command, output = line[2:], ""
        else:
            output += line
            continue
        goes_on = command.endswith("\\\n")
    yield command, output


def write_steps(path, folder, hosts):
    number = 0
    with open(path, encoding="utf-8") as file:
        document = file.read()
    for block in blocks(document):
        for command, output in commands(block):
            for host in [host for host in block.hosts if host in hosts]:
                number += 1
                step = os.path.join(folder, f"{number:04}")
                os.makedirs(step)
                how = [word for word in block.options if not word.startswith("exit=")]
                parts = {
                    "where": f"{path}:{block.line}", "host": host, "kind": block.language, "exits": block.exits(),
                    "how": " ".join(how), "commands": command.rstrip("\n"),
                }
                for name, value in parts.items():
                    with open(os.path.join(step, name), "w", encoding="utf-8") as file:
                        file.write(value + "\n")
                if output is not None:
                    with open(os.path.join(step, "wanted"), "w", encoding="utf-8") as file:
                        file.write(output)
    if not number:
        sys.exit(f"{path}: nothing for {' '.join(hosts)}")


def normal(text):
    lines = []
    for line in text.splitlines():
        line = " ".join(line.split())
        for pattern, word in NORMAL:
            line = re.sub(pattern, word, line)
        lines.append(line)
    return lines


def same(wanted, printed):
    """Whether the lines are the wanted ones.

    >>> same(["a", "...", "d"], ["a", "b", "c", "d"]), same(["a", "...", "d"], ["a", "d"])
    (True, True)
    >>> same(["a", "...", "d"], ["a", "b", "c"]), same([], ["a"]), same(["a"], [])
    (False, False, False)
    >>> same(normal("10.9.0.22:3306  gate  3  1  22  up  4s  configured"), normal("10.9.0.22:3306 gate 3 0 0 up 2m4s configured"))
    True
    >>> same(normal("10.9.0.22:3306  gate  3  1  22  up  4s  configured"), normal("10.9.0.22:3306 gate 1 1 22 up 4s configured"))
    False
    """
    if not wanted:
        return not printed
    if wanted[0] == "...":
        return any(same(wanted[1:], printed[skip:]) for skip in range(len(printed) + 1))
    return bool(printed) and wanted[0] == printed[0] and same(wanted[1:], printed[1:])


def compare(wanted, printed):
    with open(wanted, encoding="utf-8") as first, open(printed, encoding="utf-8") as second:
        wanted, printed = first.read(), second.read()
    if not same(normal(wanted), normal(printed)):
        sys.exit(f"wanted:\n{wanted}printed:\n{printed}")


def primitives(path):
    """What crmsh and pcs have to make alike: agents, parameters, monitors, and what is around them."""
    facts = set()
    for parent in ElementTree.parse(path).iter():
        for primitive in parent.findall("primitive"):
            name = primitive.get("id")
            facts.add((name, parent.tag, primitive.get("provider"), primitive.get("type")))
            facts.update((name, pair.get("name"), pair.get("value")) for pair in primitive.findall("instance_attributes/nvpair"))
            monitors = primitive.findall("operations/op[@name='monitor']")
            facts.update((name, "monitor", monitor.get("interval"), monitor.get("role")) for monitor in monitors)
            facts.update((name, "meta", pair.get("name"), pair.get("value")) for pair in parent.findall("meta_attributes/nvpair"))
    return facts


def agree(first, second):
    first, second = primitives(first), primitives(second)
    if first != second or not first:
        sys.exit(f"only the first has {sorted(first - second, key=str)}, only the second has {sorted(second - first, key=str)}")


def program(line):
    """The program that a line calls, without what stands before it.

    >>> [program(line) for line in ("$ sudo crm x", "A=1 B=2 lvs-agents status", "ls")]
    ['crm', 'lvs-agents', 'ls']
    """
    words = [word for word in line.split() if word not in ("$", "sudo") and "=" not in word]
    return words[0] if words else ""


def lines_of_shell(commands):
    """The lines of commands without the text that they hand to a program (<<'END').

    >>> lines_of_shell("cat >x <<'END'\\ngate 1\\nEND\\nls\\n")
    ["cat >x <<'END'", 'ls']
    """
    lines, end = [], None
    for line in commands.splitlines():
        if end is None:
            lines.append(line)
            begin = re.search(r"<<-?'?(\w+)", line)
            end = begin and begin[1]
        elif line.strip() == end:
            end = None
    return lines


def judge(documents, exceptions=(), read=lambda path: "", plays=""):
    """What is wrong with the documents (by their paths): blocks that nothing executes, and exceptions that are none.

    >>> judge({"a.md": "```sh n1\\nlvs-agents status\\n```\\n"}, plays="document_play a.md n1")
    []
    >>> judge({"a.md": "```sh n1\\nlvs-agents status\\n```\\n"})
    ['a.md: no scenario plays it on n1: document_play a.md']
    >>> judge({"a.md": "```sh\\nrm x\\n```\\n"})
    ['a.md:1: nothing executes this block: rm x']
    >>> judge({"a.md": "```text\\nlvs-agents status\\n```\\n```sh lone\\nlvs-agents top\\n```\\n"})
    ['a.md:1: nothing executes this block: lvs-agents status']
    >>> judge({"a.md": "```sh\\nrm x\\n```\\n"}, [("a.md", "rm x", "it is gone then", "b.sh", "rm x")], lambda path: "rm y")
    ['a.md: rm x: b.sh does not hold "rm x"']
    >>> judge({"a.md": ""}, [("a.md", "rm x", "it is gone then", "", "")])
    ['a.md: rm x: there is no such block that nothing executes']
    >>> judge({"a.md": "```sh n3\\nls\\n```\\n"})
    ['a.md:1: unknown word "n3"', 'a.md:1: nothing executes this block: ls']
    >>> judge({"a.md": "```crm n1\\nproperty a=b\\n```\\n"}, plays="document_play a.md n1")
    ['a.md:1: crm changes a configuration in a file, which lone has']
    """
    wrong, used = [], set()
    found = [(path, block) for path, text in documents.items() for block in blocks(text)]
    executed = [command for _, block in found if block.hosts for command, _ in commands(block)]
    known = {program(line) for command in executed for line in lines_of_shell(command)} - {""}
    for path, block in found:
        place, lines = f"{path}:{block.line}", block.text.splitlines()
        wrong += [
            f'{place}: unknown word "{word}"' for word in block.options
            if word not in ("soon", "^C") and not re.fullmatch(r"exit=\d+(,\d+)*", word)
        ]
        if block.hosts and block.language not in EXECUTED:
            wrong.append(f"{place}: {block.language} is nothing that a host executes: {', '.join(EXECUTED)}")
        if block.language in ("crm", "pcs") and block.hosts not in ([], ["lone"]):
            wrong.append(f"{place}: {block.language} changes a configuration in a file, which lone has")
        if block.language == "console" and not block.text.startswith("$ "):
            wrong.append(f"{place}: the first line of a console has no $")
        if block.hosts:
            continue
        excepted = [index for index, (name, line, *_) in enumerate(exceptions) if name == path and line in lines]
        used.update(excepted)
        if not excepted and not (block.language in SHOWN and not any(program(line) in known for line in lines)):
            wrong.append(f"{place}: nothing executes this block: {lines[0] if lines else ''}")
    for index, (path, line, _, file, text) in enumerate(exceptions):
        if index not in used:
            wrong.append(f"{path}: {line}: there is no such block that nothing executes")
        elif file and text not in read(file):
            wrong.append(f'{path}: {line}: {file} does not hold "{text}"')
    return wrong + unplayed(found, plays)


def unplayed(found, plays):
    """The documents that no scenario plays. Those of `lone` are played by checks/documents, which takes all."""
    hosts = {}
    for path, block in found:
        hosts.setdefault(path, set()).update(host for host in block.hosts if host != "lone")
    wrong = []
    for path, wanted in hosts.items():
        calls = re.findall(rf"document_play {re.escape(path)}((?: \w+)*)", plays)
        left = wanted - {host for call in calls for host in call.split()}
        if left:
            wrong.append(f"{path}: no scenario plays it on {', '.join(sorted(left))}: document_play {path}")
    return wrong


def check():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))

    def read(path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    documents = {path: read(path) for path in ["README.md"] + sorted(glob.glob("docs/**/*.md", recursive=True))}
    # What the suite does not name is not played.
    suite = read("cts/stories/suite.sh")
    scenarios = [path for path in glob.glob("cts/scenarios/*.sh") if re.search(rf"\b{os.path.basename(path)[:-3]}\b", suite)]
    wrong = judge(documents, NOT_EXECUTED, read, "\n".join(map(read, scenarios)))
    if wrong:
        sys.exit("\n".join(wrong))


def main():
    action, *arguments = sys.argv[1:]
    if action == "steps":
        write_steps(arguments[0], arguments[1], arguments[2:])
    elif action == "compare":
        compare(*arguments)
    elif action == "agree":
        agree(*arguments)
    else:
        check()


if __name__ == "__main__":
    main()
