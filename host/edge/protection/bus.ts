import type { Bus } from '../../base/bus.ts';
import type { Pressure } from '../../base/protection.ts';
import type { MakeLink } from '../bus/process.ts';

/** Returns a bus that counts the messages that rooms send. */
export function countedBus(bus: Bus, pressure: Pick<Pressure, 'count'>): Bus {
  return {
    open(game) {
      const port = bus.open(game);
      return {
        origin: port.origin,
        subscribe: (topic) => port.subscribe(topic),
        unsubscribe: (topic) => port.unsubscribe(topic),
        emit(topic, bytes) {
          pressure.count('chat');
          port.emit(topic, bytes);
        },
        take: () => port.take(),
        close: () => port.close(),
      };
    },
    close: () => bus.close(),
  };
}

/** Makes a link to other hosts that counts the messages that come from them. */
export function countedLink(make: MakeLink, pressure: Pick<Pressure, 'count'>): MakeLink {
  return (receive) =>
    make((game, message) => {
      pressure.count('chat');
      receive(game, message);
    });
}
