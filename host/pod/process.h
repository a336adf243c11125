// Helpers for processes, of the supervisor and of the code that starts its programs (process.cc).
#pragma once
#include <string>
#include <sys/types.h>
#include <vector>

// Fields of /proc/PID/stat, counted from 1 as proc(5) does.
constexpr int PARENT_FIELD = 4;
constexpr int START_FIELD = 22; // In clock ticks since boot.

// Returns a field of /proc/PID/stat; empty if there is no such process.
std::string statField(pid_t pid, int wanted);

// Returns the words as execve(2) expects them. They are valid as long as `words` is.
std::vector<char *> pointers(const std::vector<std::string> &words);

// Lets this process receive all signals again, which the supervisor blocks.
void unblockSignals();

// Replaces the descriptors 0, 1 and 2 by the null device.
void openNull();
