import { join } from 'node:path';
import { type Clock, systemClock } from '../../base/clock.ts';
import { NearlightError } from '../../base/errors.ts';
import { SOURCE_ENDING } from '../../base/self.ts';
import { milli } from '../../base/time.ts';
import { bundlePage } from '../dev/bundle.ts';
import { type PageFile, startServer } from '../dev/server.ts';
import { Recorder } from './recorder.ts';
import { scrape } from './source.ts';

/** How often the host is asked. It makes its metrics at most once a second. */
const POLL_MS = 2000;
const FOLDER = import.meta.dirname;

export interface DashOptions {
  /** URL of the host's metrics. */
  url: string;
  /** HTTP port of the page; 0 takes a free one. */
  port: number;
  log(message: string): void;
  clock?: Clock;
}

/** A running dash command. */
export interface Dash {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves a page that shows the panels of one host, and asks the host for its metrics until it is closed.
 * @throws NearlightError NL_NO_HOST or NL_METRICS if the host cannot be asked now, NL_PORT_IN_USE
 */
export async function startDash({ url, port, log, clock = systemClock }: DashOptions): Promise<Dash> {
  const recorder = new Recorder(url);
  const ask = () => scrape(url, () => clock.now());
  recorder.add(await ask(), Date.now());
  const files = await buildPage();
  const server = await startServer({
    port,
    newest: () => recorder.history,
    file: (path) => files.get(path),
    post: () => undefined,
  });
  let [isClosed, wasGood] = [false, true];
  const poll = async () => {
    for (;;) {
      await clock.until(milli(clock.now() + POLL_MS));
      if (isClosed) return;
      const step = await ask().then(
        (found) => recorder.add(found, Date.now()),
        (error: unknown) => recorder.fail(messageOf(error), Date.now()),
      );
      const isGood = step.problem === undefined;
      if (isGood !== wasGood) log(isGood ? 'the host answers again' : `${step.problem}`);
      wasGood = isGood;
      server.broadcast(step);
    }
  };
  void poll();
  return {
    url: server.url,
    async close() {
      isClosed = true;
      await server.close();
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof NearlightError ? error.message : String(error);
}

function buildPage(): Promise<Map<string, PageFile>> {
  const entryPoints = { dash: join(FOLDER, `page.${SOURCE_ENDING}`), style: join(FOLDER, 'style.css') };
  return bundlePage({ folder: FOLDER, entryPoints, minify: true });
}
