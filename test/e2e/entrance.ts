import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Stands for a Service of Kubernetes: one address whose new TCP connections go to its servers in turn, while those that are open stay
 * where they are. WebRTC goes to the servers directly.
 */
export class Entrance {
  /** Ports of the servers that new connections may reach. */
  ports: number[];
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #next = 0;

  private constructor(server: Server, ports: number[]) {
    this.#server = server;
    this.ports = ports;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    server.on('connection', (socket) => this.#pass(socket));
  }

  static async open(ports: number[]): Promise<Entrance> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Entrance(server, ports);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(from: Socket): void {
    const port = this.ports[this.#next++ % this.ports.length];
    if (port === undefined) {
      from.destroy();
      return;
    }
    const to = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [from, to],
      [to, from],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
