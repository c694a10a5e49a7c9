"""The real servers of one side: port 80 of every address answers HTTP, well or not, or is closed."""

import selectors
import socket
import threading

from tables import REAL_SERVERS, REAL_SERVERS6

PORTS = (80, 8080)
WELL, ILL = "200 OK", "503 Service Unavailable"


FOR_GOOD = float("inf")


class Server:
    """Is one address. `ill` is how many of the next requests are answered by an error, or FOR_GOOD."""

    def __init__(self):
        self.ill, self.asked = 0, 0

    def answer(self):
        self.asked += 1
        if self.ill <= 0:
            return WELL
        self.ill -= 1
        return ILL


class Servers:
    """Serves all addresses in one thread. Every connection gets its answer at once: what it asks does not matter."""

    def __init__(self):
        self.servers = {name: Server() for name in REAL_SERVERS}
        self.sockets, self.lock = {}, threading.Lock()
        self.selector = selectors.DefaultSelector()
        for name in REAL_SERVERS:
            self.open(name)
        threading.Thread(target=self._serve, daemon=True).start()

    def __getitem__(self, name):
        return self.servers[name]

    def are_done(self):
        """Tells whether those that were to fail a few times have done so."""
        return all(server.ill in (0, FOR_GOOD) for server in self.servers.values())

    def open(self, name):
        addresses = [names[name] for names in (REAL_SERVERS, REAL_SERVERS6) if name in names]
        with self.lock:
            self.sockets[name] = [self._listen(address, port, name) for address in addresses for port in PORTS]

    def close(self, name):
        with self.lock:
            for listener in self.sockets.pop(name, []):
                self.selector.unregister(listener)
                listener.close()

    def _listen(self, address, port, name):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(64)
        self._watch(listener, (self._accept, name))
        return listener

    def _watch(self, sock, what):
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, what)

    def _serve(self):
        while True:
            for key, _ in self.selector.select():
                with self.lock:
                    work, name = key.data
                    # It may have been closed since.
                    if key.fileobj.fileno() >= 0:
                        work(key.fileobj, name)

    def _accept(self, listener, name):
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # The client has gone.
        # A client may take its time until it asks.
        self._watch(connection, (self._answer, name))

    def _answer(self, connection, name):
        """Answers a request, which is one segment, or notes a connect check, which closes without a word."""
        self.selector.unregister(connection)
        server = self.servers[name]
        with connection:
            try:
                if connection.recv(4096):
                    answer = f"HTTP/1.1 {server.answer()}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
                    connection.sendall(answer.encode())
                else:
                    server.asked += 1
            except OSError:
                server.asked += 1
