// Compiles one module to native code, ahead of time. The guest program does this in a separate process.
#pragma once

// Runs the command `guest compile` with the arguments REQUIRED_LAYERS LEVEL DATA_BYTES CPU_SECONDS: compiles the module behind
// FD_MODULE into the file behind FD_OUTPUT. Returns an exit status (EXIT_ in mapping.ts), and writes the reason for a failure
// to stderr.
int compile(int count, char **arguments);
