import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { must } from '../../host/base/assert.ts';

/** Settings without which Firefox asks servers of its maker for updates and plugins. */
const PREFERENCES = {
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'media.gmp-manager.updateEnabled': false,
  'media.autoplay.default': 0,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.enabled': false,
};

interface Answer {
  id?: number;
  type: string;
  message?: string;
  result?: Record<string, unknown>;
}

/** A headless Firefox with one page, steered over WebDriver BiDi (W3C). */
export class Firefox {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #count = 0;
  #context = '';

  private constructor(process: ChildProcess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.on('message', (data) => {
      const answer = JSON.parse(String(data)) as Answer;
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    });
  }

  static async start(program = process.env.FIREFOX ?? '/usr/bin/firefox-esr'): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'nearlight-firefox-'));
    const lines = Object.entries(PREFERENCES).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    );
    writeFileSync(join(profile, 'user.js'), lines.join(''));
    const options = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'];
    const child = spawn(program, options, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, HOME: profile },
    });
    const url = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stderr.on('data', (chunk) => {
        text += chunk;
        const found = /WebDriver BiDi listening on (ws:\S+)/.exec(text)?.[1];
        if (found) resolve(found);
      });
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`Firefox has ended:\n${text}`)));
    });
    const socket = new WebSocket(`${url}/session`);
    await once(socket, 'open');
    const made = new Firefox(child, profile, socket);
    await made.#call('session.new', { capabilities: {} });
    const { contexts } = await made.#call('browsingContext.getTree', {});
    made.#context = must((contexts as { context: string }[])[0], 'page').context;
    return made;
  }

  /** Opens a URL in the page. */
  async goto(url: string): Promise<void> {
    await this.#call('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  /** Evaluates an expression in the page, which may be a promise. @returns its value, which must be a string, number or boolean */
  async evaluate<T extends string | number | boolean>(expression: string): Promise<T> {
    const target = { context: this.#context };
    const { type, result, exceptionDetails } = (await this.#call('script.evaluate', {
      expression,
      target,
      awaitPromise: true,
      userActivation: true,
    })) as { type: string; result?: { value?: T }; exceptionDetails?: { text: string } };
    if (type !== 'success') throw new Error(exceptionDetails?.text ?? 'the expression failed');
    return result?.value as T;
  }

  /** Presses or releases a key, such as `w`. */
  async key(value: string, down: boolean): Promise<void> {
    const action = { type: down ? 'keyDown' : 'keyUp', value };
    const actions = [{ type: 'key', id: 'keyboard', actions: [action] }];
    await this.#call('input.performActions', { context: this.#context, actions });
  }

  /** Returns a picture of the page as PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.#call('browsingContext.captureScreenshot', { context: this.#context });
    return Buffer.from(data as string, 'base64');
  }

  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#socket.close();
    this.#process.kill();
    await exited;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  async #call(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.#count;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { type, message, result = {} } = await answered;
    this.#waiting.delete(id);
    if (type !== 'success') throw new Error(`${method}: ${message}`);
    return result;
  }
}
