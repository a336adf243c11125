import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const ADDRESS = '127.0.0.1';

/** A way for the UDP packets of pages to a host, which a test can cut. */
export class CutPath {
  isUp = true;
  readonly #outside: Socket;
  /** The host's side, by the port of the page. */
  readonly #inside = new Map<number, Socket>();
  #hostPort = 0;

  private constructor(outside: Socket) {
    this.#outside = outside;
    outside.on('message', (packet, from) => this.#pass(packet, from.port));
  }

  static async open(): Promise<CutPath> {
    const outside = createSocket('udp4');
    outside.bind(0, ADDRESS);
    await once(outside, 'listening');
    return new CutPath(outside);
  }

  /** Leads a page along this way: puts its address into the host's SDP answer. */
  lead(sdp: string): string {
    return sdp.replace(/(a=candidate:nearlight0 .* UDP .* )(\d+)( typ)/, (_, before, port, after) => {
      this.#hostPort = Number(port);
      return `${before}${this.#outside.address().port}${after}`;
    });
  }

  close(): void {
    for (const socket of [this.#outside, ...this.#inside.values()]) socket.close();
  }

  #pass(packet: Buffer, pagePort: number): void {
    let socket = this.#inside.get(pagePort);
    if (!socket) {
      socket = createSocket('udp4');
      socket.on('message', (answer) => {
        if (this.isUp) this.#outside.send(answer, pagePort, ADDRESS);
      });
      this.#inside.set(pagePort, socket);
    }
    if (this.isUp) socket.send(packet, this.#hostPort, ADDRESS);
  }
}
