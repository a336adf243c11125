// Starts the programs that a host may not start itself: guests and compilers in jails, and trials of shaders (launch.cc).
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
  pid_t inner = 0;     // The id under which the host sees the program; 0 if it does not.
  int lifetime = -1;   // The program ends when this descriptor is closed; -1 if it does not.
  std::string started; // In clock ticks since boot.
};

// Starts a jailer (host/engine/wasmedge/jailer.cc). The program in the jail inherits the first two descriptors as 3 and 4, and
// the third, if there is one, as 2. Returns 0 or errno.
int startJailed(const Launch &launch, Program &program);

// Starts a program that tries shaders, which may use the GPU but neither the network nor the files of others. It sees the host's
// processes and mounts, and the host sees it, but is another user. The first descriptor becomes its input and output, the second
// takes its errors. The command begins with the most kilobytes of data and seconds of processor time that the kernel gives it,
// followed by NAME=VALUE for each variable of its environment. The program is an absolute path. Returns 0 or errno.
int startTrial(const Launch &launch, pid_t host, const std::vector<gid_t> &groups, Program &program);

// Kills a program.
void end(Program &program);

// Closes the descriptors that belong to a program that has ended.
void release(Program &program);
