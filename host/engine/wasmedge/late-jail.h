// The jail of a program that loads what it needs for seconds and has threads then, such as Node with the driver of a GPU. It gives
// up its privileges before it starts. When it has loaded everything, a helper process takes the files of the node from it.
#pragma once

#include "jail.h"

// Socket of the program to its helper. The helper empties the program's root when it receives a byte, answers with one byte, the
// layers that hold then as far as it knows, and ends.
constexpr int FD_HELPER = 3;

// Starts a command in the jail that the jailer has prepared for this process, whose root is a mount point. The command keeps the
// descriptors 0, 1, 2 and FD_HELPER, and the environment `environment`.
[[noreturn]] void startLate(const Jail &jail, char **command, char **environment);
