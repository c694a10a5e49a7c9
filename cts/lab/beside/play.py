"""Plays one scenario: its two sides do each step at the same moment."""

import multiprocessing
import os
import traceback

import namespace
from side import Side

PRODUCTS = ("ours", "original")


def be_a_side(product, scenario, folder, recording, connection):
    """Plays each step that is asked for, until the other end goes."""
    try:
        side = Side(product, scenario, folder, recording)
        side.write(scenario.text)
        while True:
            connection.send(side.play(scenario.steps[connection.recv()]))
    except EOFError:
        pass
    except Exception:
        connection.send({"error": traceback.format_exc()})


def only(lines, others):
    """Returns the lines that the other side has not. Behind the original's words ours may say the reason."""
    def is_there(line):
        return any(line == other or line.startswith(other + ": ") or other.startswith(line + ": ") for other in others)
    return "; ".join(line for line in lines if not is_there(line))


class Play:
    """Is one scenario under way. `results` has one dictionary a step, by product."""

    def __init__(self, scenario, folder, recording):
        self.scenario, self.results, self.error = scenario, [], None
        self.connections, self.processes = {}, []
        for product in PRODUCTS:
            ours, theirs = multiprocessing.Pipe()
            self.processes.append(namespace.run(
                lambda product=product, theirs=theirs: be_a_side(product, scenario, f"{folder}/{product}", recording, theirs)))
            theirs.close()
            self.connections[ours] = product
        self._next()

    def _next(self):
        if len(self.results) == len(self.scenario.steps):
            self.end()
            return
        for connection in self.connections:
            connection.send(len(self.results))
        self.results.append({})

    def is_over(self):
        return not self.connections

    def receive(self, connection):
        """Takes a side's answer; with the second one, the next step begins."""
        product = self.connections[connection]
        try:
            answer = connection.recv()
        except EOFError:
            answer = {"error": "the side has ended"}
        if "error" in answer:
            self.fail(f"{product}: {answer['error']}")
            return
        self.results[-1][product] = answer
        if len(self.results[-1]) == len(PRODUCTS):
            missed = [f"{side}: wanted {done['wanted']}, has {done['final']}"
                      for side, done in self.results[-1].items() if done["final"] != done["wanted"]]
            if missed:
                self.fail("; ".join(missed))
            else:
                self._next()

    def fail(self, cause):
        self.error = f"{self.scenario.steps[len(self.results) - 1].title}: {cause}"
        self.end()

    def end(self):
        """Ends both sides, with all that they have started."""
        for connection in self.connections:
            connection.close()
        self.connections = {}
        for process in self.processes:
            os.kill(process, 9)
            os.waitpid(process, 0)
        self.processes = []

    def differences(self):
        """Yields (scenario, step, entry, ours, original) of all that differs."""
        for step, results in zip(self.scenario.steps, self.results):
            if len(results) < len(PRODUCTS):
                continue
            ours, original = (results[product]["changes"] for product in PRODUCTS)
            for entry in sorted(ours.keys() | original.keys()):
                mine, theirs = ours.get(entry, ""), original.get(entry, "")
                if isinstance(mine, list):
                    mine, theirs = only(mine, theirs), only(theirs, mine)
                if mine != theirs:
                    yield self.scenario.name, step.title, entry, mine, theirs

    def story(self):
        """Returns all of it as text."""
        lines = [self.scenario.name, "-" * len(self.scenario.name), self.scenario.text]
        for step, results in zip(self.scenario.steps, self.results):
            lines.append(f"  {step.title}")
            for product, result in sorted(results.items()):
                changes = ", ".join(f"{entry}: {way}" for entry, way in sorted(result["changes"].items()))
                lines.append(f"    {product:8} {result['seconds']:5.1f} s  {result['final']}   [{changes}]")
        return "\n".join(lines + ([f"  FAILED {self.error}"] if self.error else []) + [""])
