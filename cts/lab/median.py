"""median.py FOLDER...: prints the medians of the outages that repeated demos left in FOLDER/*/outage-*.json."""

import glob
import json
import os
import statistics
import sys


def middle(values):
    return f"{statistics.median(values):.2f} (of {', '.join(f'{value:.2f}' for value in values)})"


def main():
    for folder in sys.argv[1:]:
        print(f"\n{os.path.basename(folder)}:")
        for event in ("standby", "crash"):
            runs = [json.load(open(path)) for path in sorted(glob.glob(f"{folder}/*/outage-{event}.json"))]
            if not runs:
                print(f"  {event}: no result")
                continue
            served = [run for run in runs if run["outage"] is not None]
            print(f"  {event}: outage {middle([run['outage'] for run in served])} s, "
                  f"stable after {middle([run['stable_after'] for run in served])} s, "
                  f"refused after the first answer: {', '.join(str(run['refused_after']) for run in served)}")
            names = {name: None for run in served for name in run["parts"]}
            for name in names:
                print(f"    {name}: {middle([run['parts'][name] for run in served if name in run['parts']])} s")


main()
