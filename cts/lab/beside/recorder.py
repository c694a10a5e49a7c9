"""Writes down every state of one side's table."""

import threading
import time

import tables

TABLE = "/proc/net/ip_vs"
# What ours writes is seen within a blink; of the original's, only whether the table has come to rest.
PAUSE = {"ours": 0.05, "original": 0.25}


class Recorder:
    """Keeps the states of the table since `take` was called last.

    The original's are those that recording.c wrote down before each of its commands, in the file COMMANDS; ours, which
    writes by netlink, is looked at every 50 ms from `begin` to `take`: looking costs time that others need. `by_hand` adds
    what a step itself does to the table.
    """

    def __init__(self, product, commands):
        self.pause = PAUSE[product]
        self.commands, self.offset = commands if product == "original" else None, 0
        self.text, self.current = None, {}
        self.states, self.lock, self.looks = [], threading.Lock(), threading.Event()
        self.changed = time.monotonic()
        self._look()
        self.states = [self.current]
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self):
        """Begins a step: a table that does not change in it is at rest from now on."""
        with self.lock:
            self._look()
            self.changed = time.monotonic()
        self.looks.set()

    def _watch(self):
        while self.looks.wait():
            with self.lock:
                self._look()
            time.sleep(self.pause)

    def _look(self):
        with open(TABLE) as file:
            text = file.read()
        if text != self.text:
            self.text, self.current = text, tables.table(text)
            self.changed = time.monotonic()
            if self.commands is None:
                self.states.append(self.current)

    def by_hand(self, change):
        """Changes the table by CHANGE(), which returns the entries that it has changed, as an administrator would."""
        with self.lock:
            self._read_commands()
            changed = change()
            state = dict(self.states[-1] if self.states else self.current) | changed
            self.states.append({entry: value for entry, value in state.items() if value != tables.ABSENT})

    def take(self):
        """Ends a step, and returns its states, the first and the last of which are those of a table at rest."""
        self.looks.clear()
        with self.lock:
            self._look()
            self._read_commands()
            states, self.states = self.states + [self.current], [self.current]
        return states

    def _read_commands(self):
        if self.commands is None:
            return
        try:
            with open(self.commands) as file:
                file.seek(self.offset)
                text = file.read()
        except FileNotFoundError:
            return
        *parts, rest = text.split("\n.\n")
        self.offset += len(text) - len(rest)
        self.states += [tables.table(part) for part in parts]
