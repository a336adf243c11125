import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble } from '../../oci/image.ts';
import { pushImage } from '../../oci/push.ts';
import { parseReference, Registry } from '../../oci/registry.ts';

/** Does nothing until a signal ends it, and collects the processes that have lost their parents. */
const PAUSE = `
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void stop(int number) { _exit(0); }
static void reap(int number) { while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) {
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  signal(SIGCHLD, reap);
  for (;;) pause();
}`;

/** Answers every request at the port of the probes with "ok": the smallest server that a probe accepts. */
const TRIVIAL = `
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static void stop(int number) { _exit(0); }
int main(void) {
  static const char answer[] = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok";
  static char request[4096];
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(9464)};
  signal(SIGTERM, stop);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 64) != 0) return 1;
  for (;;) {
    int peer = accept(listener, 0, 0);
    if (peer < 0) continue;
    if (read(peer, request, sizeof request) > 0) (void)!write(peer, answer, sizeof answer - 1);
    shutdown(peer, SHUT_WR);
    (void)!read(peer, request, sizeof request);
    close(peer);
  }
}`;

/** Images of static programs, by their names with tags. */
const PROGRAMS = { 'pause:1': PAUSE, 'trivial:1': TRIVIAL };

/** Compiles the programs and pushes an image of each into a registry. */
export async function pushPrograms(registry: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'nl-programs-'));
  try {
    for (const [name, source] of Object.entries(PROGRAMS)) {
      const [code, program] = [join(folder, 'program.c'), join(folder, 'program')];
      writeFileSync(code, source);
      execFileSync('cc', ['-static', '-Os', '-s', '-o', program, code], { stdio: 'pipe' });
      const image = assemble({
        entries: [{ name: 'program', data: readFileSync(program), executable: true }],
        config: { Entrypoint: ['/program'], WorkingDir: '/', User: '65532:65532' },
        architectures: [process.arch === 'x64' ? 'amd64' : process.arch],
        title: name,
      });
      const reference = parseReference(`${registry}/${name}`);
      await pushImage(new Registry(reference, { plainHttp: true }), image, reference.tag, () => {});
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
