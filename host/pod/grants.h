// The operations that the supervisor carries out for its host, which lacks the privileges for them (grants.cc).
#pragma once
#include "events.h"
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

// The rights of a host. It names them itself while it is still trusted; afterwards it cannot change them.
class Grants {
public:
  // Adds a right: `bundles FOLDER`, `sandbox ID`, `container ID`, `fifos TEXT`, `cgroup FOLDER` (a final / stands for every folder
  // in it), `root FOLDER` (the root of a cgroup hierarchy), `terminations TEXT`, `containerd SOCKET`, `namespace NAME` (of
  // containerd), `keeper SOCKET`, `vetting SOCKET`, `edge SOCKET`, `pods FOLDER` and `oom VALUE`. The comments at the functions that use a right say what it
  // allows.
  void add(const std::string &kind, const std::string &value);

  // Does what the host asks for. Returns 0 or errno. A descriptor for the host, if there is one, is stored in `fd`.
  // @param isOwn tells whether a process is the host, its supervisor or a guest
  int perform(const std::vector<std::string> &words, const std::function<bool(pid_t)> &isOwn, int &fd);

  // Who may be named in the events that the host has sent. Valid as long as this object.
  EventRights events() const;

private:
  std::vector<std::string> values(const std::string &kind) const;
  bool has(const std::string &kind, const std::string &value) const;
  bool isCgroup(const std::string &folder) const;
  int openCgroupFile(const std::string &path, int &fd) const;
  int openBundle(const std::string &path, int &fd);
  int openFifo(const std::string &path, const std::string &mode, int &fd) const;
  int openTermination(const std::string &path, int &fd) const;
  int writeCgroup(const std::string &path, const std::string &value, const std::function<bool(pid_t)> &isOwn) const;
  int connectTo(const std::string &name, int &fd) const;
  int forget(const std::string &name) const;
  int setOomScore(const std::string &value, const std::string &pid, const std::function<bool(pid_t)> &isOwn) const;

  std::vector<std::pair<std::string, std::string>> rights_;
};
