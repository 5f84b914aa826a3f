# The socket workload without keep-alive, in the design of the epoll examples
# written for CPython's select module: sockets_python.py close PORT
import select
import socket
import sys

HELLO = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
         b"Content-Length: 5\r\n\r\nhello")


def listen_on(port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    listener.setblocking(False)
    return listener


class Server:
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
        elif b"\r\n\r\n" in self.requests[fd]:
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


Server(int(sys.argv[2])).run()
