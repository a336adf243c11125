// Opens the game in a container image. The kernel mounts the image's layers and resolves every path, so it alone decides what is
// inside: a whiteout, an opaque folder or a symbolic link means here what it means to an ordinary container. The result is open
// descriptors of regular files. Nothing else is ever opened for reading or writing.
#include "image.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

// Where an overlay is mounted while its files are opened. This process needs nothing that lies there, and no other process
// shares its mount namespace.
constexpr char TARGET[] = "/sys";
constexpr char ASSETS[] = "/assets";
// A file of the image, or a volume over it, that the game gets as the asset of this name.
constexpr char CONFIG[] = "/config.json";
constexpr char CONFIG_ASSET[] = "config.json";
// The kernel asks for another try if a folder was renamed while it followed `..` (openat2(2), EAGAIN).
constexpr int TRIES_MAX = 256;
constexpr useconds_t PAUSE_US = 100;
// Layout of an asset pack (assets/folder.ts).
constexpr uint64_t PACK_HEADER_BYTES = 8;
constexpr uint64_t PACK_ENTRY_BYTES = 16;
constexpr uint64_t PACK_ALIGNMENT = 256;

// A descriptor that is closed at the end of its scope.
class Descriptor {
public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  ~Descriptor() {
    int before = errno;
    if (fd_ >= 0) close(fd_);
    errno = before;
  }
  int get() const { return fd_; }

private:
  int fd_;
};

// Opens for reading what an O_PATH descriptor refers to. The caller has checked that it is a regular file or a folder.
int reopen(int handle, int flags) {
  std::string path = "/proc/self/fd/" + std::to_string(handle);
  return open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
}

const char *kindOf(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG: return "a file";
  case S_IFDIR: return "a folder";
  case S_IFCHR:
  case S_IFBLK: return "a device";
  case S_IFIFO: return "a FIFO";
  case S_IFSOCK: return "a socket";
  default: return "something unknown";
  }
}

uint64_t aligned(uint64_t bytes) { return (bytes + PACK_ALIGNMENT - 1) / PACK_ALIGNMENT * PACK_ALIGNMENT; }

} // namespace

bool unshareMounts() {
  // As a slave, the new namespace still sees what the node mounts later, and the node sees nothing that is mounted here.
  return unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
}

Image::~Image() {
  if (isMounted_) umount2(TARGET, MNT_DETACH);
  if (root_ >= 0) close(root_);
  if (module >= 0) close(module);
  for (const OpenAsset &asset : assets)
    if (asset.fd >= 0) close(asset.fd);
}

bool Image::fail(const char *code, std::string message) {
  failure = {code, std::move(message)};
  return false;
}

bool Image::failErrno(const std::string &what) {
  int error = errno;
  const char *why = error == EXDEV ? "it leads out of the image" : std::strerror(error);
  bool isNode = error == EMFILE || error == ENFILE || error == ENOMEM;
  return fail(isNode ? "NL_POD" : "NL_IMAGE", what + " cannot be opened: " + why);
}

bool Image::open(const ImageRequest &request) {
  request_ = &request;
  return openRoot() && openVolumes() && openModule() && openAssets();
}

bool Image::openRoot() {
  if (request_->isOverlay) return mountOverlay();
  const std::string &folder = request_->layers.front();
  root_ = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  return root_ >= 0 || fail("NL_POD", "the image's folder " + folder + " cannot be opened: " + std::strerror(errno));
}

// Mounts the layers read-only. The mount stays in place until every path is resolved: on a detached mount, the kernel answers
// EAGAIN to a path with a link and `..`, because it changes mount_lock itself there. Open files outlast the mount. Layers are
// given as descriptor numbers: their paths may hold colons and commas, and many paths would not fit into mount options.
bool Image::mountOverlay() {
  std::vector<int> layers;
  std::string options = request_->options + "lowerdir=";
  bool isOpen = true;
  for (const std::string &layer : request_->layers) {
    int fd = ::open(layer.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) isOpen = fail("NL_POD", "the image's layer " + layer + " cannot be opened: " + std::strerror(errno));
    if (!isOpen) break;
    options += (layers.empty() ? "" : ":") + std::to_string(fd);
    layers.push_back(fd);
  }
  const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (isOpen && (chdir("/proc/self/fd") != 0 || mount("overlay", TARGET, "overlay", flags, options.c_str()) != 0))
    isOpen = fail("NL_POD", std::string("the image's layers cannot be mounted: ") + std::strerror(errno));
  else if (isOpen) {
    isMounted_ = true;
    root_ = ::open(TARGET, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_ < 0) isOpen = fail("NL_POD", std::string("the mounted image cannot be opened: ") + std::strerror(errno));
  }
  for (int fd : layers) close(fd);
  return isOpen;
}

bool Image::openVolumes() {
  const std::string *source = volumes_.open(request_->volumes, request_->podUid, request_->nodeRoot);
  if (source == nullptr) return true;
  if (errno != EACCES) return fail("NL_POD", "the volume " + *source + " cannot be opened: " + std::strerror(errno));
  return fail("NL_POD", "the volume " + *source + " is not one that the kubelet keeps for this pod: a game gets no folder of "
                                                  "the node (hostPath); use another type of volume");
}

// Finds a path of the container. Returns an O_PATH descriptor, which opens neither a device nor a FIFO; -1 with errno set on failure.
int Image::resolve(const std::string &path, uint64_t flags) {
  if (volumes_.cover(path)) return volumes_.resolve(path, flags);
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | flags;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  for (int tries = 0;; tries++) {
    int fd = static_cast<int>(syscall(SYS_openat2, root_, path.c_str(), &how, sizeof how));
    if (fd >= 0 || errno != EAGAIN || tries == TRIES_MAX) return fd;
    usleep(PAUSE_US);
  }
}

bool Image::openModule() {
  const std::string &path = request_->entrypoint;
  const char *remedy = "; set its entrypoint to the game's module";
  Descriptor handle(resolve(path));
  if (handle.get() < 0 && (errno == ENOENT || errno == ENOTDIR))
    return fail("NL_IMAGE", "the image has no file " + path + remedy);
  struct stat entry {};
  if (handle.get() < 0 || fstat(handle.get(), &entry) != 0) return failErrno(path);
  if (!S_ISREG(entry.st_mode)) return fail("NL_IMAGE", path + " is " + kindOf(entry.st_mode) + ", not a file" + remedy);
  module = reopen(handle.get(), 0);
  return module >= 0 || failErrno(path);
}

bool Image::openAssets() {
  bytes_ = PACK_HEADER_BYTES;
  if (!openImageAssets()) return false;
  // Volumes at paths that the image does not have.
  for (const std::string &path : volumes_.below(ASSETS)) {
    uint64_t depth = static_cast<uint64_t>(std::count(path.begin(), path.end(), '/'));
    if (entered_.count(path) == 0 && !enter(path, depth)) return false;
  }
  return openConfig();
}

bool Image::openImageAssets() {
  Descriptor handle(resolve(ASSETS));
  if (handle.get() < 0) return errno == ENOENT || errno == ENOTDIR || failErrno(ASSETS);
  struct stat entry {};
  if (fstat(handle.get(), &entry) != 0) return failErrno(ASSETS);
  if (!S_ISDIR(entry.st_mode)) return fail("NL_IMAGE", std::string(ASSETS) + " is " + kindOf(entry.st_mode) + ", not a folder");
  return walk(handle.get(), "", 0);
}

// Adds the configuration of the game, which takes the place of an asset of its name.
bool Image::openConfig() {
  Descriptor handle(resolve(CONFIG));
  if (handle.get() < 0) return errno == ENOENT || errno == ENOTDIR || failErrno(CONFIG);
  struct stat entry {};
  if (fstat(handle.get(), &entry) != 0) return failErrno(CONFIG);
  if (!S_ISREG(entry.st_mode))
    return fail("NL_IMAGE", std::string(CONFIG) + " is " + kindOf(entry.st_mode) +
                                ", not a file; mount a ConfigMap there with subPath: config.json");
  auto isConfig = [](const OpenAsset &asset) { return asset.name == CONFIG_ASSET; };
  auto other = std::find_if(assets.begin(), assets.end(), isConfig);
  if (other != assets.end()) {
    close(other->fd);
    assets.erase(other);
  }
  return addFile(CONFIG_ASSET, CONFIG, handle.get(), static_cast<uint64_t>(entry.st_size));
}

// Opens the files in a folder below /assets. `path` is the folder's path within /assets, with a slash at its end.
bool Image::walk(int handle, const std::string &path, uint64_t depth) {
  int fd = reopen(handle, O_DIRECTORY);
  DIR *folder = fd < 0 ? nullptr : fdopendir(fd);
  if (folder == nullptr) {
    failErrno(std::string(ASSETS) + "/" + path);
    if (fd >= 0) close(fd);
    return false;
  }
  bool isGood = true;
  while (isGood) {
    errno = 0;
    dirent *entry = readdir(folder);
    if (entry == nullptr) {
      if (errno != 0) isGood = failErrno(std::string(ASSETS) + "/" + path);
      break;
    }
    std::string name = entry->d_name;
    // The kubelet keeps the versions of a ConfigMap in folders whose names begin like this, and links to the files of the present one.
    bool isHidden = name.rfind("..", 0) == 0 && volumes_.cover(std::string(ASSETS) + "/" + path + name);
    if (name != "." && name != ".." && !isHidden) isGood = enter(path + name, depth);
  }
  closedir(folder);
  return isGood;
}

// Opens one entry of a folder below /assets: a file, or the files of a folder. Links are followed within the image.
bool Image::enter(const std::string &path, uint64_t depth) {
  if (++entries_ > request_->filesMax)
    return fail("NL_IMAGE_SIZE", std::string(ASSETS) + " has more than " + std::to_string(request_->filesMax) +
                                     " files and folders (ASSET_FILES_MAX)");
  std::string full = std::string(ASSETS) + "/" + path;
  entered_.insert(path);
  Descriptor handle(resolve(full));
  if (handle.get() < 0 && errno == ENOENT) {
    // The kernel lists whiteouts in a folder that hides no other one, although nothing is there.
    Descriptor itself(resolve(full, O_NOFOLLOW));
    if (itself.get() < 0 && errno == ENOENT) return true;
    errno = ENOENT;
  }
  struct stat entry {};
  if (handle.get() < 0 || fstat(handle.get(), &entry) != 0) return failErrno(full);
  if (S_ISREG(entry.st_mode)) return add(path, handle.get(), static_cast<uint64_t>(entry.st_size));
  if (!S_ISDIR(entry.st_mode))
    return fail("NL_IMAGE", full + " is " + kindOf(entry.st_mode) + ", and assets are files and folders");
  if (depth >= request_->depthMax)
    return fail("NL_IMAGE_SIZE", full + " is nested deeper than " + std::to_string(request_->depthMax) +
                                     " folders (ASSET_DEPTH_MAX)");
  return walk(handle.get(), path + "/", depth + 1);
}

bool Image::add(const std::string &path, int handle, uint64_t bytes) {
  return addFile(path, std::string(ASSETS) + "/" + path, handle, bytes);
}

bool Image::addFile(const std::string &name, const std::string &full, int handle, uint64_t bytes) {
  const uint64_t bytesMax = request_->bytesMax;
  bool fits = bytes <= bytesMax;
  if (fits) bytes_ += PACK_ENTRY_BYTES + name.size() + aligned(bytes);
  if (!fits || bytes_ > bytesMax)
    return fail("NL_IMAGE_SIZE", std::string("the files in ") + ASSETS + " have more than " + std::to_string(bytesMax) +
                                     " bytes as an asset pack (ASSET_BYTES_MAX)");
  int fd = reopen(handle, 0);
  if (fd < 0) return failErrno(full);
  assets.push_back({name, bytes, fd});
  return true;
}
