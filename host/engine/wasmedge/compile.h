// Ahead-of-time compilation of one module, as a run of the guest program of its own.
#pragma once

// Arguments: IN OUT LEVEL DATA_BYTES CPU_SECONDS. Returns an exit status (mapping.ts, EXIT_); why is on stderr.
int compile(int count, char **arguments);
