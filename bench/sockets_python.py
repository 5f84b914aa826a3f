# HTTP by hand on CPython's select module:
#   sockets_python.py http|batch|close|example PORT
# The first three are in the design of sockets_epoll.c and sockets_select.lua;
# example is close in that of the epoll examples written for the module, which
# changes what it waits for with every request.
import select
import socket
import sys

HELLO = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
         b"Content-Length: 5\r\n\r\nhello")
END_OF_HEADERS = b"\r\n\r\n"
BUFFER_SIZE = 65536


def listen_on(port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    listener.setblocking(False)
    return listener


class Server:
    def __init__(self, mode, port):
        self.closes = mode == "close"
        self.serve = {"http": self.serve_each, "batch": self.serve_batch,
                      "close": self.serve_one}[mode]
        self.listener = listen_on(port)
        self.epoll = select.epoll()
        self.epoll.register(self.listener.fileno(), select.EPOLLIN)
        self.connections, self.requests, self.answers = {}, {}, {}

    def close(self, fd):
        self.connections.pop(fd).close()
        self.requests.pop(fd, None)
        self.answers.pop(fd, None)

    # While bytes wait to be sent, none are read.
    def send(self, fd, connection, data):
        try:
            sent = connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close(fd)
            return False
        if sent == len(data):
            if fd in self.answers:
                del self.answers[fd]
                self.epoll.modify(fd, select.EPOLLIN)
        else:
            if fd not in self.answers:
                self.epoll.modify(fd, select.EPOLLOUT)
            self.answers[fd] = data[sent:]
        return True

    # Behind the last request that is whole.
    def serve_each(self, fd, connection, data):
        start = 0
        while True:
            found = data.find(END_OF_HEADERS, start)
            if found < 0:
                return start
            if fd in self.answers:
                self.answers[fd] += HELLO
            elif not self.send(fd, connection, HELLO):
                return None
            start = found + 4

    def serve_batch(self, fd, connection, data):
        start = count = 0
        while True:
            found = data.find(END_OF_HEADERS, start)
            if found < 0:
                break
            start = found + 4
            count += 1
        if count and not self.send(fd, connection, HELLO * count):
            return None
        return start

    def serve_one(self, fd, connection, data):
        if END_OF_HEADERS not in data:
            return 0
        if self.send(fd, connection, HELLO) and fd not in self.answers:
            self.close(fd)
        return None

    def on_readable(self, fd, connection):
        try:
            data = connection.recv(BUFFER_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close(fd)
            return
        before = self.requests.get(fd)
        if before:
            data = before + data
        start = self.serve(fd, connection, data)
        if start is None:
            return
        if start < len(data):
            self.requests[fd] = data[start:]
        elif before:
            del self.requests[fd]

    def on_writable(self, fd, connection):
        if (self.send(fd, connection, self.answers[fd]) and self.closes
                and fd not in self.answers):
            self.close(fd)

    def accept_all(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            fd = connection.fileno()
            self.connections[fd] = connection
            self.epoll.register(fd, select.EPOLLIN)

    def run(self):
        listening = self.listener.fileno()
        while True:
            for fd, event in self.epoll.poll():
                if fd == listening:
                    self.accept_all()
                elif event & select.EPOLLOUT:
                    self.on_writable(fd, self.connections[fd])
                else:
                    self.on_readable(fd, self.connections[fd])


class Example:
    def __init__(self, port):
        self.listener = listen_on(port)
        self.epoll = select.epoll()
        self.epoll.register(self.listener.fileno(), select.EPOLLIN)
        self.connections, self.requests, self.answers = {}, {}, {}

    def accept(self):
        connection, _ = self.listener.accept()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fd = connection.fileno()
        self.epoll.register(fd, select.EPOLLIN)
        self.connections[fd] = connection
        self.requests[fd], self.answers[fd] = b"", HELLO

    def receive(self, fd):
        got = self.connections[fd].recv(1024)
        self.requests[fd] += got
        if not got:
            self.close(fd)
        elif END_OF_HEADERS in self.requests[fd]:
            self.epoll.modify(fd, select.EPOLLOUT)

    def send(self, fd):
        sent = self.connections[fd].send(self.answers[fd])
        self.answers[fd] = self.answers[fd][sent:]
        if not self.answers[fd]:
            self.epoll.modify(fd, 0)
            self.connections[fd].shutdown(socket.SHUT_RDWR)

    def close(self, fd):
        self.epoll.unregister(fd)
        self.connections.pop(fd).close()
        del self.requests[fd], self.answers[fd]

    def run(self):
        while True:
            for fd, event in self.epoll.poll():
                if fd == self.listener.fileno():
                    self.accept()
                elif event & select.EPOLLIN:
                    self.receive(fd)
                elif event & select.EPOLLOUT:
                    self.send(fd)
                elif event & select.EPOLLHUP:
                    self.close(fd)


if sys.argv[1] == "example":
    Example(int(sys.argv[2])).run()
else:
    Server(sys.argv[1], int(sys.argv[2])).run()
