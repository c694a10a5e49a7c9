"""Prints the lines of the bench's tables."""

import math


def head(title, peer="", unit="", mine="ours"):
    ratio = f"{mine}/peer" if peer else ""
    print(f"\n{title + (', ' + unit if unit else ''):64} {mine:>10} {peer:>14} {ratio:>10}".rstrip(), flush=True)


def row(name, ours, peer=None, note=""):
    """Prints one figure, the peer's beside it, and the ratio. None stands for a figure that did not come in time."""
    ratio = f"{ours / peer:.3f}" if ours is not None and peer and not math.isnan(ours) else ""
    print(f"  {name:62} {text(ours):>10} {text(peer) if peer is not None else '':>14} {ratio:>10}  {note}".rstrip(), flush=True)


def text(value):
    if value is None:
        return "never"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def say(words):
    print(f"  {words}", flush=True)
