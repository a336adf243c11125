// The jail of a process with foreign code. The program jailer (jailer.cc) puts the process into namespaces and starts it with
// all files of the node in sight, so that it can load its libraries. Then the process itself empties its file system and gives
// up its privileges for good.
#pragma once

#include <cstdint>
#include <sys/types.h>
#include <vector>

// How the jailer separates a process from the rest of the system.
enum class Separation {
  none,          // not at all, because the system does not allow it
  userNamespace, // by namespaces, among them a user namespace
  ownUser,       // by namespaces and a user id of its own
};

// Environment variable by which the jailer passes a Jail, as three decimal numbers with a space in between.
constexpr char JAIL_VARIABLE[] = "NEARLIGHT_JAIL";

// A jail that the jailer has prepared for a process. The ids are meant for Separation::ownUser. If `user` is 0, the process stays
// root, without its capabilities.
struct Jail {
  Separation separation;
  uid_t user;
  gid_t group;
  std::vector<gid_t> groups; // Further groups.
};

struct JailOptions {
  // The process keeps its file descriptors below this one.
  int firstFd;
  // Size limit of the scratch folder, which becomes the working directory; 0 for no such folder.
  uint64_t scratchBytes;
  // Whether native code in the scratch folder can be executed.
  bool isScratchExecutable;
  // Whether the process writes files in the scratch folder, even if the system gives it no file system of its own.
  bool needsScratch;
};

// Enters the jail that the jailer has prepared. Returns the layers that hold, as a bit mask of LAYER_ bits. The caller adds
// LAYER_SECCOMP once its filter is in place.
uint32_t enterJail(const JailOptions &options);

// Makes an empty, read-only file system the root of this process, and of every process that has the same root in its mount
// namespace. Returns whether no path of the node is left.
bool emptyRoot(const Jail &jail, const JailOptions &options);

// Makes the root of this process a mount point of its mount namespace, which it is not in a chroot. emptyRoot() then reaches the
// processes that start later. Returns whether it is one.
bool mountRoot();

// Makes the kernel end this process with the jailer, and tells the jailer that this process has entered its jail.
void endWithJailer();

// Drops every capability, forbids the gain of new ones, and takes the jail's user and group id if the jail has them. Returns
// the layers that hold then.
uint32_t dropPrivileges(const Jail &jail);
