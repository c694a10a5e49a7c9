#!/usr/bin/env python3
"""dependencies.py sbom|licenses: the crates that are part of the binary, from Cargo.lock by `cargo metadata`.

sbom is a list in the form of CycloneDX 1.5; licenses are the texts that have to accompany the binary, each once.
"""
import json
import pathlib
import subprocess
import sys
import urllib.parse

TEXTS = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "UNLICENSE*")


def metadata(target):
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", target]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def linked(tree):
    """The crates that are linked in: not those of tests and build scripts, and no procedural macros."""
    packages = {package["id"]: package for package in tree["packages"]}
    nodes = {node["id"]: node for node in tree["resolve"]["nodes"]}
    root, found = tree["resolve"]["root"], set()
    todo = [root]
    while todo:
        for dependency in nodes[todo.pop()]["deps"]:
            crate = dependency["pkg"]
            kinds = {target for part in packages[crate]["targets"] for target in part["kind"]}
            is_linked = any(kind["kind"] is None for kind in dependency["dep_kinds"]) and "proc-macro" not in kinds
            if is_linked and crate not in found:
                found.add(crate)
                todo.append(crate)
    return packages[root], sorted((packages[crate] for crate in found), key=lambda p: (p["name"], p["version"]))


def component(package, kind):
    url = f"pkg:cargo/{package['name']}@{urllib.parse.quote(package['version'])}"
    licenses = [{"expression": package["license"].replace("/", " OR ")}] if package["license"] else []
    return {"type": kind, "bom-ref": url, "name": package["name"], "version": package["version"], "purl": url,
            "licenses": licenses}


def sbom(root, crates):
    return json.dumps({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": component(root, "application")},
        "components": [component(crate, "library") for crate in crates],
    }, indent=1)


def licenses(_, crates):
    users = {}
    for crate in crates:
        folder = pathlib.Path(crate["manifest_path"]).parent
        files = sorted(file for pattern in TEXTS for file in folder.glob(pattern) if file.is_file())
        # What a crate brings no text for is named all the same, with its licence.
        texts = [file.read_text(errors="replace").strip() for file in files] or [f"({crate['license']}; no text comes with it)"]
        for text in texts:
            users.setdefault(text, []).append(f"{crate['name']} {crate['version']}")
    return "\n\n".join(f"{'=' * 78}\n{', '.join(names)}\n{'=' * 78}\n{text}" for text, names in users.items())


def main(form, target):
    print({"sbom": sbom, "licenses": licenses}[form](*linked(metadata(target))))


main(*sys.argv[1:])
