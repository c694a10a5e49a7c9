"""Shows the page for browsers in a browser, and looks at what that makes of it.

browser.py PAGE STATUS PICTURE    PAGE is the saved page, STATUS the `status --json` of the same moment; PICTURE is written
"""

import html.parser
import json
import pathlib
import subprocess
import sys
import tempfile

BROWSER = ["chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1000,900"]
RED = "rgb(176, 0, 32)"
# The page itself has no script. This one writes down where the browser has put what.
LOOK = """<script>
for (const one of document.querySelectorAll("h1, h2, p, tr, td")) {
    const box = one.getBoundingClientRect();
    if (one.checkVisibility() && box.width > 0 && box.height > 0) one.dataset.seen = getComputedStyle(one).color;
}
</script>"""


class Shown(html.parser.HTMLParser):
    """The texts that are seen: `services` has the rows of each title, and a row has the text and the colour of each cell."""

    def __init__(self, text):
        super().__init__()
        self.services, self.title, self.cell = {}, None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.is_seen = "data-seen" in dict(attributes)
        if tag == "h2" and self.is_seen:
            self.title = ""
        if tag == "tr" and self.is_seen:
            self.rows.append([])
        if tag == "td" and self.is_seen:
            self.cell = ["", dict(attributes)["data-seen"]]
            self.rows[-1].append(self.cell)

    def handle_endtag(self, tag):
        if tag == "h2" and self.title is not None:
            self.rows = self.services.setdefault(self.title, [])
            self.title = None
        if tag == "td":
            self.cell = None

    def handle_data(self, data):
        if self.title is not None:
            self.title += data
        elif self.cell:
            self.cell[0] += data


def browse(page, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        command = [*BROWSER, f"--user-data-dir={folder}", *arguments, f"file://{page.resolve()}"]
        ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {ended.returncode}: {ended.stderr.decode()[-2000:]}")
    return ended.stdout.decode()


def missing(shown, services):
    """Returns what is in the status and is not seen."""
    for service in services:
        title = f"{service['service']} {service['scheduler']}"
        rows = {row[0][0]: row for row in shown.services.get(title, []) if row}
        if title not in shown.services:
            yield title
        for real in service["real_servers"]:
            row = rows.get(real["real_server"], [])
            texts = [text for text, _ in row]
            if not {real["forwarding"], real["health"], real["reason"]} <= set(texts):
                yield f"{title}: {real['real_server']} {real['health']}, {real['reason']}: seen is {texts}"
            if real["health"] == "down" and ["down", RED] not in row:
                yield f"{title}: {real['real_server']}: down is not red: {row}"
        if service["fallback"] and service["fallback"]["real_server"] not in rows:
            yield f"{title}: fallback {service['fallback']['real_server']}"


def main(page, status, picture):
    page, picture = pathlib.Path(page), pathlib.Path(picture)
    services = [service for monitor in json.loads(pathlib.Path(status).read_text())["monitors"] for service in monitor["services"]]
    with tempfile.NamedTemporaryFile(suffix=".html", mode="w") as looked_at:
        looked_at.write(page.read_text().replace("</body>", LOOK + "</body>"))
        looked_at.flush()
        shown = Shown(browse(pathlib.Path(looked_at.name), "--dump-dom"))
    problems = list(missing(shown, services))
    browse(page, f"--screenshot={picture}")
    if not picture.read_bytes().startswith(b"\x89PNG"):
        problems.append(f"{picture}: no picture")
    reals = sum(len(service["real_servers"]) for service in services)
    if not reals:
        problems.append(f"{status}: no real server")
    print(f"{len(services)} services with {reals} real servers, {len(problems)} not seen; the picture is {picture.name}")
    print("\n".join(problems), file=sys.stderr)
    sys.exit(bool(problems))


main(*sys.argv[1:])
