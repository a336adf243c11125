// Starts the programs that a host may not start itself: guests and compilers in jails (launch.cc).
#pragma once
#include <string>
#include <sys/types.h>
#include <vector>

// A program to start.
struct Launch {
  std::vector<std::string> command;
  std::vector<int> fds;
};

// A program that was started.
struct Program {
  pid_t pid = -1;
  int lifetime = -1;   // The program ends when this descriptor is closed.
  std::string started; // In clock ticks since boot.
};

// Starts a jailer (host/engine/wasmedge/jailer.cc). The program in the jail inherits the first two descriptors as 3 and 4, and
// the third, if there is one, as 2. Returns 0 or errno.
int startJailed(const Launch &launch, Program &program);

// Kills a program that runs. For one that has ended, frees what belongs to it.
void end(Program &program);
