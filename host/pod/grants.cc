#include "grants.h"
#include "messages.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

// Files of a cgroup that a host may write to: limits in both versions of cgroups, and the list of processes.
const char *const CGROUP_FILES[] = {
    "cgroup.procs", "cpu.shares",      "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.weight",
    "cpu.max",      "cpuset.cpus",     "cpuset.mems",       "pids.max",         "memory.limit_in_bytes",
    "memory.max",   "memory.swap.max", "memory.memsw.limit_in_bytes",
};

// Largest config.json that is read (oci-bundle.ts).
constexpr off_t CONFIG_BYTES_MAX = 4 << 20;

struct Path {
  std::string folder;
  std::string name;
};

bool isName(const std::string &name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

// Splits an absolute path without the parts . and .. at its last slash. Both parts are empty for any other path.
Path split(const std::string &path) {
  if (path.empty() || path[0] != '/') return {};
  for (size_t at = 1; at <= path.size();) {
    size_t end = path.find('/', at);
    if (end == std::string::npos) end = path.size();
    if (!isName(path.substr(at, end - at))) return {};
    at = end + 1;
  }
  size_t slash = path.rfind('/');
  return {path.substr(0, slash), path.substr(slash + 1)};
}

// Opens a file of one type, whose last part is not a link. Returns 0 or errno.
int openFile(const std::string &path, int flags, mode_t type, int &fd) {
  int file = open(path.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0) return errno;
  struct stat found {};
  if (fstat(file, &found) != 0 || (found.st_mode & S_IFMT) != type) {
    close(file);
    return EACCES;
  }
  fd = file;
  return 0;
}

// Reads a file from its start, up to a bound, and leaves its offset there.
std::string contentOf(int file) {
  struct stat found {};
  if (fstat(file, &found) != 0 || found.st_size > CONFIG_BYTES_MAX) return "";
  std::string text(static_cast<size_t>(found.st_size), '\0');
  return pread(file, text.data(), text.size(), 0) == found.st_size ? text : "";
}

// The oom_score_adj that a config.json gives the container's processes; empty if it has none. The value is a number, which no text of
// JSON can imitate, because the quote before its colon would be escaped.
std::string oomScoreIn(const std::string &config) {
  const char key[] = "\"oomScoreAdj\":";
  size_t at = config.find(key);
  if (at == std::string::npos) return "";
  at += sizeof key - 1;
  return config.substr(at, config.find_first_not_of("-0123456789", at) - at);
}

// Whether the process that listens has the user to whom the folder of its socket belongs. The edge service is not root, so it could put
// a link to the socket of another program in place of its own.
bool isOwner(const std::string &socket, int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  struct stat folder {};
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         stat(split(socket).folder.c_str(), &folder) == 0 && folder.st_uid == peer.uid;
}

} // namespace

void Grants::add(const std::string &kind, const std::string &value) { rights_.emplace_back(kind, value); }

std::vector<std::string> Grants::values(const std::string &kind) const {
  std::vector<std::string> found;
  for (const auto &[name, value] : rights_)
    if (name == kind) found.push_back(value);
  return found;
}

bool Grants::has(const std::string &kind, const std::string &value) const {
  return std::find(rights_.begin(), rights_.end(), std::make_pair(kind, value)) != rights_.end();
}

// The host's own containers are the sandbox and those whose bundles it has opened. All containers of a namespace have a bundle in
// one folder.
EventRights Grants::events() const {
  std::vector<std::string> sockets = values("containerd"), spaces = values("namespace"), folders = values("bundles");
  return {sockets.empty() ? "" : sockets[0], spaces.empty() ? "" : spaces[0],
          [this](const std::string &id) { return has("sandbox", id) || has("container", id); },
          [folders](const std::string &id) {
            if (!isName(id)) return true;
            for (const std::string &folder : folders)
              if (access((folder + "/" + id).c_str(), F_OK) == 0) return true;
            return folders.empty();
          }};
}

bool Grants::isCgroup(const std::string &folder) const {
  Path path = split(folder);
  if (path.name.empty()) return false;
  for (const std::string &right : values("cgroup"))
    if (right == folder || right == path.folder + "/") return true;
  return false;
}

// The bundles of all pods are in one folder. Those of this pod have its sandbox among their annotations, and from then on their
// FIFOs may be opened, too.
int Grants::openBundle(const std::string &path, int &fd) {
  Path file = split(path);
  Path bundle = split(file.folder);
  for (const std::string &right : values("bundles")) {
    if (bundle.folder != right || file.name != "config.json") continue;
    int config = -1;
    if (int error = openFile(path, O_RDONLY, S_IFREG, config)) return error;
    std::string text = contentOf(config);
    for (const std::string &sandbox : values("sandbox")) {
      // A quote inside a string of JSON is escaped, so no value can look like this.
      if (text.find("\"io.kubernetes.cri.sandbox-id\":\"" + sandbox + "\"") == std::string::npos) continue;
      add("fifos", "/containers/" + bundle.name + "/");
      add("container", bundle.name);
      add("oom", oomScoreIn(text));
      fd = config;
      return 0;
    }
    close(config);
  }
  return EACCES;
}

int Grants::openFifo(const std::string &path, const std::string &mode, int &fd) const {
  if (split(path).name.empty()) return EACCES;
  for (const std::string &right : values("fifos"))
    if (path.find(right) != std::string::npos)
      return openFile(path, mode == "write" ? O_WRONLY : O_RDWR, S_IFIFO, fd);
  return EACCES;
}

int Grants::openTermination(const std::string &path, int &fd) const {
  if (split(path).name.empty()) return EACCES;
  for (const std::string &right : values("terminations"))
    if (path.find(right) != std::string::npos) return openFile(path, O_WRONLY | O_TRUNC, S_IFREG, fd);
  return EACCES;
}

int Grants::writeCgroup(const std::string &path, const std::string &value,
                        const std::function<bool(pid_t)> &isOwn) const {
  Path file = split(path);
  bool isKnown = false;
  for (const char *name : CGROUP_FILES) isKnown = isKnown || file.name == name;
  bool isList = file.name == "cgroup.procs", isRoot = false;
  for (const std::string &root : values("root")) isRoot = isRoot || (isList && root == file.folder);
  if (!isKnown || (!isRoot && !isCgroup(file.folder))) return EACCES;
  if (isList && !isOwn(std::atoi(value.c_str()))) return ESRCH;
  int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  ssize_t length = write(fd, value.data(), value.size());
  int error = length < 0 ? errno : 0;
  close(fd);
  return error;
}

// Reads may also concern the folder of the pod, of which the cgroups of its containers inherit their processors.
int Grants::openCgroupFile(const std::string &path, int &fd) const {
  Path file = split(path);
  bool isPods = false;
  for (const std::string &right : values("cgroup")) isPods = isPods || right == file.folder + "/";
  return isPods || isCgroup(file.folder) ? openFile(path, O_RDONLY, S_IFREG, fd) : EACCES;
}

int Grants::connectTo(const std::string &name, int &fd) const {
  std::vector<std::string> found = values(name);
  if (found.empty() || (name != "keeper" && name != "vetting" && name != "edge")) return EACCES;
  if (int error = connectStream(found[0], SOCK_NONBLOCK, fd)) return error;
  if (name != "edge" || isOwner(found[0], fd)) return 0;
  close(fd);
  fd = -1;
  return EACCES;
}

int Grants::forget(const std::string &name) const {
  std::vector<std::string> folders = values("pods");
  if (folders.empty() || !isName(name)) return EACCES;
  return unlink((folders[0] + "/" + name).c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

// Sets how readily the kernel ends a process of this host, to a value that the config.json of one of its containers has.
int Grants::setOomScore(const std::string &value, const std::string &pid,
                        const std::function<bool(pid_t)> &isOwn) const {
  if (value.empty() || !has("oom", value)) return EACCES;
  if (pid.empty() || pid.find_first_not_of("0123456789") != std::string::npos || !isOwn(std::atoi(pid.c_str())))
    return ESRCH;
  int fd = open(("/proc/" + pid + "/oom_score_adj").c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  ssize_t length = write(fd, value.data(), value.size());
  int error = length < 0 ? errno : 0;
  close(fd);
  return error;
}

int Grants::perform(const std::vector<std::string> &words, const std::function<bool(pid_t)> &isOwn, int &fd) {
  const std::string &call = words[0];
  if (words.size() < 2) return EINVAL;
  const std::string &path = words[1];
  std::string value = words.size() > 2 ? words[2] : "";
  if (call == "bundle") return openBundle(path, fd);
  if (call == "fifo") return openFifo(path, value, fd);
  if (call == "termination") return openTermination(path, fd);
  if (call == "write") return writeCgroup(path, value, isOwn);
  if (call == "read") return openCgroupFile(path, fd);
  if (call == "mkdir") return !isCgroup(path) ? EACCES : mkdir(path.c_str(), 0755) == 0 || errno == EEXIST ? 0 : errno;
  if (call == "rmdir") return !isCgroup(path) ? EACCES : rmdir(path.c_str()) == 0 ? 0 : errno;
  if (call == "connect") return connectTo(path, fd);
  if (call == "forget") return forget(path);
  if (call == "oom") return setOomScore(path, value, isOwn);
  return EINVAL;
}
