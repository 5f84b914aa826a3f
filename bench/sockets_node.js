// The socket workloads on node: sockets_node.js http|close|echo PORT
'use strict';

const http = require('http');
const net = require('net');

function answer(request, response) {
    response.sendDate = false;
    response.setHeader('Content-Type', 'text/plain');
    response.setHeader('Content-Length', 5);
    response.end('hello');
}

function closeAfter(request, response) {
    response.shouldKeepAlive = false;
    answer(request, response);
}

function echo(socket) {
    socket.setNoDelay(true);
    socket.on('data', (bytes) => socket.write(bytes));
    socket.on('error', () => socket.destroy());
}

const servers = {
    http: () => http.createServer({keepAliveTimeout: 0}, answer),
    close: () => http.createServer(closeAfter),
    echo: () => net.createServer(echo),
};

servers[process.argv[2]]().listen(Number(process.argv[3]), '127.0.0.1', 1024);
