import { MESSAGE_BYTES_MAX, SUBSCRIPTIONS_MAX, TOPIC_LENGTH_MAX } from '../../renderer/contract/abi.ts';
import { isTopic, type Phase } from '../base/bus.ts';
import type { BusCommands } from './decode.ts';
import type { Notices } from './notices.ts';
import { Fault, type Reader } from './reader.ts';

/** The most commands about the bus that one call of a module may make. */
const REQUESTS_MAX = 256;

export interface BusRequestsOptions {
  reader: Reader;
  notices: Pick<Notices, 'bus'>;
}

/** Checks a module's commands about other rooms and the match, and passes them to the observer of the replay. */
export class BusRequests implements BusCommands {
  readonly #options: BusRequestsOptions;
  #requests = 0;

  constructor(options: BusRequestsOptions) {
    this.#options = options;
  }

  /** Resets the count of requests, because the next call of the module begins. */
  begin(): void {
    this.#requests = 0;
  }

  emit(topic: string, length: number, data: number, dataCount: number): void {
    this.#count();
    checkTopic(topic);
    if (length > MESSAGE_BYTES_MAX)
      throw new Fault(`a message of ${length} bytes is longer than ${MESSAGE_BYTES_MAX} (MESSAGE_BYTES_MAX)`);
    if (dataCount !== (length + 3) >>> 2) throw new Fault(`${dataCount} words do not hold ${length} bytes`);
    const { words } = this.#options.reader;
    const bytes = new Uint8Array(words.buffer, words.byteOffset + data * 4, length).slice();
    this.#options.notices.bus({ kind: 'emit', topic, bytes });
  }

  subscribe(subscription: number, topic: string): void {
    this.#count();
    checkTopic(topic);
    if (subscription >= SUBSCRIPTIONS_MAX)
      throw new Fault(`the number ${subscription} of a subscription is not below ${SUBSCRIPTIONS_MAX}`);
    this.#options.notices.bus({ kind: 'subscribe', subscription, topic });
  }

  unsubscribe(subscription: number): void {
    this.#count();
    if (subscription >= SUBSCRIPTIONS_MAX)
      throw new Fault(`the number ${subscription} of a subscription is not below ${SUBSCRIPTIONS_MAX}`);
    this.#options.notices.bus({ kind: 'unsubscribe', subscription });
  }

  receive(token: number, address: number): void {
    this.#count();
    this.#options.notices.bus({ kind: 'receive', token, address });
  }

  setPhase(phase: Phase): void {
    this.#count();
    this.#options.notices.bus({ kind: 'phase', phase });
  }

  #count(): void {
    if (++this.#requests > REQUESTS_MAX)
      throw new Fault(`one call makes more than ${REQUESTS_MAX} requests to the bus`);
  }
}

/** @throws Fault */
function checkTopic(topic: string): void {
  if (isTopic(topic)) return;
  throw new Fault(
    `${JSON.stringify(topic)} is not a topic: words of a-z, 0-9, _ and - joined by dots, at most ${TOPIC_LENGTH_MAX} characters`,
  );
}
