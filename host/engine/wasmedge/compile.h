// Compiles one module to native code, ahead of time. The guest program does this in a separate process.
#pragma once

// Runs the command `guest compile` with the arguments IN OUT LEVEL DATA_BYTES CPU_SECONDS. Returns an exit status (EXIT_ in
// mapping.ts), and writes the reason for a failure to stderr.
int compile(int count, char **arguments);
