#include "volume.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

// The kernel asks for another try if a folder was renamed while it followed `..` (openat2(2), EAGAIN).
constexpr int TRIES_MAX = 256;
constexpr useconds_t PAUSE_US = 100;

int openBelow(int folder, const std::string &path, uint64_t flags, uint64_t resolve) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | flags;
  how.resolve = resolve;
  for (int tries = 0;; tries++) {
    int fd = static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
    if (fd >= 0 || errno != EAGAIN || tries == TRIES_MAX) return fd;
    usleep(PAUSE_US);
  }
}

// Opens the source of a volume. Where the kubelet has its folder is up to the node, which may have links on the way there. Below the
// pod's folder there is none: what looks like one was made in a volume.
int openSource(const std::string &source, const std::string &podUid, int root) {
  if (podUid.empty()) return openBelow(root, source, 0, RESOLVE_IN_ROOT);
  for (const char *kind : {"volumes/", "volume-subpaths/"}) {
    std::string folder = "/pods/" + podUid + "/";
    size_t at = source.find(folder + kind);
    if (at == std::string::npos) continue;
    int pod = openBelow(root, source.substr(0, at + folder.size()), O_DIRECTORY, RESOLVE_IN_ROOT);
    if (pod < 0) return -1;
    int fd = openBelow(pod, source.substr(at + folder.size()), 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    int error = errno;
    close(pod);
    errno = error;
    return fd;
  }
  errno = EACCES;
  return -1;
}

} // namespace

Volumes::~Volumes() {
  for (const Open &volume : volumes_) close(volume.fd);
}

const std::string *Volumes::open(const std::vector<Volume> &volumes, const std::string &podUid, int root) {
  for (const Volume &volume : volumes) {
    int fd = openSource(volume.source, podUid, root);
    if (fd < 0) return &volume.source;
    struct stat entry {};
    bool isFolder = fstat(fd, &entry) == 0 && S_ISDIR(entry.st_mode);
    volumes_.push_back({volume.destination, fd, isFolder});
  }
  return nullptr;
}

// The innermost volume counts, because it hides those around it.
const Volumes::Open *Volumes::find(const std::string &path) const {
  const Open *found = nullptr;
  for (const Open &volume : volumes_) {
    const std::string &place = volume.destination;
    bool isIn = path.compare(0, place.size(), place) == 0 && (path.size() == place.size() || path[place.size()] == '/');
    if (isIn && (found == nullptr || place.size() >= found->destination.size())) found = &volume;
  }
  return found;
}

int Volumes::resolve(const std::string &path, uint64_t flags) const {
  const Open *volume = find(path);
  std::string rest = path.size() > volume->destination.size() + 1 ? path.substr(volume->destination.size() + 1) : "";
  if (rest.empty()) return fcntl(volume->fd, F_DUPFD_CLOEXEC, 0);
  if (!volume->isFolder) {
    errno = ENOTDIR;
    return -1;
  }
  return openBelow(volume->fd, rest, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

std::vector<std::string> Volumes::below(const std::string &folder) const {
  std::vector<std::string> found;
  for (const Open &volume : volumes_)
    if (volume.destination.compare(0, folder.size() + 1, folder + "/") == 0)
      found.push_back(volume.destination.substr(folder.size() + 1));
  return found;
}
