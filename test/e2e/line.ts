import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const ADDRESS = '127.0.0.1';

/** Returns a free TCP or UDP port with five digits. A port that is replaced in a text then leaves its length as it is. */
export async function freePort(kind: 'tcp' | 'udp'): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    if (kind === 'tcp') {
      const server = createServer();
      const listening = await new Promise((resolve) => {
        server.once('error', () => resolve(false));
        server.listen(port, ADDRESS, () => resolve(true));
      });
      server.close();
      if (listening) return port;
    } else {
      const socket = createSocket('udp4');
      const bound = await new Promise((resolve) => {
        socket.once('error', () => resolve(false));
        socket.bind(port, ADDRESS, () => resolve(true));
      });
      socket.close();
      if (bound) return port;
    }
  }
}

/**
 * A line between a browser and a host that can be cut. It passes the host's HTTP and its UDP packets on, and puts its own UDP port
 * into the host's SDP answers. While it is cut, it drops UDP packets. TCP connections go on late: the system sends lost packets again
 * after pauses that double, so a connection that was stuck for some time stays stuck for as long again after the line's return.
 */
export class Line {
  /** URL of the host's page through this line. */
  readonly url: string;
  isUp = true;
  /** Number of UDP packets that were dropped. */
  dropped = 0;
  readonly #server: Server;
  readonly #udp: UdpSocket;
  readonly #sockets = new Set<Socket>();
  /** Functions that let stuck TCP connections go on, and since when they are stuck. */
  readonly #stuck: { since: number; goOn: () => void }[] = [];
  readonly #paths = new Map<string, UdpSocket>();

  private constructor(server: Server, udp: UdpSocket) {
    this.#server = server;
    this.#udp = udp;
    this.url = `http://${ADDRESS}:${(server.address() as AddressInfo).port}/`;
  }

  /** @param host ports of the host; both have five digits */
  static async open(host: { httpPort: number; icePort: number }): Promise<Line> {
    const [server, udp] = [createServer(), createSocket('udp4')];
    const [port, tcpPort] = [await freePort('udp'), await freePort('tcp')];
    udp.bind(port, ADDRESS);
    server.listen(tcpPort, ADDRESS);
    await Promise.all([once(server, 'listening'), once(udp, 'listening')]);
    const line = new Line(server, udp);
    server.on('connection', (socket) => line.#accept(socket, host, port));
    udp.on('message', (packet, from) => line.#fromPage(packet, from, host.icePort));
    return line;
  }

  cut(): void {
    this.isUp = false;
    for (const socket of this.#sockets) {
      socket.pause();
      this.#stuck.push({ since: Date.now(), goOn: () => socket.resume() });
    }
  }

  mend(): void {
    this.isUp = true;
    for (const { since, goOn } of this.#stuck.splice(0)) {
      const retry = (): void => {
        if (this.isUp) goOn();
        else this.#stuck.push({ since, goOn });
      };
      setTimeout(retry, Date.now() - since).unref();
    }
  }

  close(): void {
    this.#server.close();
    this.#udp.close();
    for (const path of this.#paths.values()) path.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket, { httpPort, icePort }: { httpPort: number; icePort: number }, udpPort: number): void {
    socket.on('error', () => {});
    if (!this.isUp) {
      socket.pause();
      this.#stuck.push({ since: Date.now(), goOn: () => this.#accept(socket, { httpPort, icePort }, udpPort) });
      return;
    }
    if (socket.destroyed || !this.#server.listening) return;
    const tcpPort = Number(new URL(this.url).port);
    const upstream = connect(httpPort, ADDRESS);
    upstream.on('error', () => socket.destroy());
    for (const end of [socket, upstream]) this.#sockets.add(end);
    socket.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => {
      const text = data.toString('latin1');
      if (!text.includes('a=candidate:nearlight')) {
        socket.write(data);
        return;
      }
      // The browser must not find a way around this line, neither by UDP nor by TCP.
      const answer = text
        .replaceAll(` ${icePort} typ`, ` ${udpPort} typ`)
        .replaceAll(` ${httpPort} typ`, ` ${tcpPort} typ`);
      socket.write(Buffer.from(answer, 'latin1'));
    });
    socket.on('close', () => {
      this.#sockets.delete(socket);
      upstream.destroy();
    });
    upstream.on('close', () => {
      this.#sockets.delete(upstream);
      socket.destroy();
    });
    socket.resume();
  }

  #fromPage(packet: Buffer, from: AddressInfo, icePort: number): void {
    if (!this.isUp) {
      this.dropped++;
      return;
    }
    const key = `${from.address} ${from.port}`;
    let path = this.#paths.get(key);
    if (!path) {
      path = createSocket('udp4');
      path.on('error', () => {});
      path.on('message', (answer) => {
        if (this.isUp) this.#udp.send(answer, from.port, from.address);
        else this.dropped++;
      });
      this.#paths.set(key, path);
    }
    path.send(packet, icePort, ADDRESS);
  }
}
