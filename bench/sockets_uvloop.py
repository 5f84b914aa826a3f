# The socket workloads on uvloop: sockets_uvloop.py http|close|echo PORT
# Answers of one read are joined, as transports do that buffer what is written.
import asyncio
import socket
import sys

import uvloop

HELLO = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
         b"Content-Length: 5\r\n\r\nhello")


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.transport.write(data)


class Http(Echo):
    partial = b""

    def data_received(self, data):
        *whole, self.partial = (self.partial + data).split(b"\r\n\r\n")
        for _ in whole:
            self.transport.write(HELLO)


class Close(Http):
    def data_received(self, data):
        super().data_received(data)
        if not self.partial:
            self.transport.close()


async def serve(protocol, port):
    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


modes = {"http": Http, "close": Close, "echo": Echo}
uvloop.install()
asyncio.run(serve(modes[sys.argv[1]], int(sys.argv[2])))
