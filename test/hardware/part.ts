/** Runs one part of the hardware measurements in this process and sends its findings to the parent: part NAME OUT SECONDS. */
import { PARTS } from './parts.ts';
import { type Finding, Reporter } from './report.ts';

const [name = '', out = '', seconds = ''] = process.argv.slice(2);
const part = PARTS.find((part) => part.name === name);
if (!part || !process.send) throw new Error(`there is no part ${name}, or no parent to report to`);

/** Number of findings that are on their way to the parent process. */
let pending = 0;
let resolveSent = () => {};
const sent = new Promise<void>((resolve) => {
  resolveSent = resolve;
});
let done = false;
const settle = () => {
  if (done && pending === 0) resolveSent();
};

function send(finding: Finding): void {
  pending++;
  process.send?.(finding, () => {
    pending--;
    settle();
  });
}

let status = 0;
try {
  const { run } = await part.load();
  await run(new Reporter({ out, seconds: Number(seconds), send }));
} catch (error) {
  status = 1;
  // The parent process quotes the last line of this output.
  process.stderr.write(`${(error as Error).stack}\n\n${error}\n`);
}
done = true;
settle();
await sent;
// A GPU that works without end, or a poll of the driver, must not keep the process alive.
process.exit(status);
