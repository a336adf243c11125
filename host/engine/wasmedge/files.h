// Keeps the files of the user from a process whose file system is not empty, because the system forbids namespaces.
#pragma once

// Forbids this process every file but those in its working directory, if `workingDirectory` is set, and those that are open
// already. Does nothing on kernels without Landlock (before 5.13).
void forbidFiles(bool workingDirectory);
