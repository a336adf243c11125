// Makes image layers for images.ts, and shows what a container would see of them: a child process changes its root to an overlay
// mount of the layers and opens paths there, without any of the program's own code. Reads one command a line; arguments have no
// spaces. Commands that answer do so with one line.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <functional>
#include <iostream>
#include <linux/openat2.h>
#include <map>
#include <sched.h>
#include <sstream>
#include <string>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <vector>

namespace {

using Arguments = std::vector<std::string>;

int watch = -1;
pid_t swapper = 0;
std::string mounted; // Where the overlay is mounted; empty if it is not.

int removeOne(const char *path, const struct stat *, int, struct FTW *) {
  std::remove(path);
  return 0;
}

// Runs a function in a child process whose root is the image. Returns the line that it printed.
std::string inside(const std::string &root, const std::function<std::string()> &look) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  pid_t child = fork();
  if (child == 0) {
    std::string line = chroot(root.c_str()) == 0 && chdir("/") == 0 ? look() : "chroot failed";
    for (size_t done = 0; done < line.size();) done += static_cast<size_t>(write(ends[1], line.data() + done, line.size() - done));
    _exit(0);
  }
  close(ends[1]);
  std::string line;
  char bytes[4096];
  ssize_t count;
  while ((count = read(ends[0], bytes, sizeof bytes)) > 0) line.append(bytes, static_cast<size_t>(count));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return line;
}

// Describes what stands at a path: `file` with the contents, `folder`, `other`, or `none`.
std::string show(const std::string &path) {
  struct stat entry {};
  if (stat(path.c_str(), &entry) != 0) return "none";
  if (S_ISDIR(entry.st_mode)) return "folder";
  if (!S_ISREG(entry.st_mode)) return "other";
  int file = open(path.c_str(), O_RDONLY);
  char bytes[256] = {};
  ssize_t count = file < 0 ? -1 : read(file, bytes, sizeof bytes - 1);
  close(file);
  return count < 0 ? "unreadable" : "file " + std::string(bytes, static_cast<size_t>(count));
}

// Collects the files below a folder of assets as NAME=CONTENTS. Returns false if the host should refuse what is there.
bool collect(const std::string &folder, const std::string &name, size_t depth, size_t depthMax, size_t &left,
             std::map<std::string, std::string> &found) {
  DIR *entries = opendir(folder.c_str());
  if (entries == nullptr) return false;
  bool isGood = true;
  while (dirent *entry = isGood ? readdir(entries) : nullptr) {
    std::string own = entry->d_name;
    if (own == "." || own == "..") continue;
    std::string what = show(folder + "/" + own);
    isGood = left-- > 0;
    struct stat itself {};
    // A container sees nothing where a whiteout is, also if the kernel lists it.
    if (isGood && lstat((folder + "/" + own).c_str(), &itself) != 0 && errno == ENOENT) continue;
    if (!isGood) break;
    if (what == "folder")
      isGood = depth < depthMax && collect(folder + "/" + own, name + own + "/", depth + 1, depthMax, left, found);
    else if (what.rfind("file ", 0) == 0) found[name + own] = what.substr(5);
    else isGood = false;
  }
  closedir(entries);
  return isGood;
}

// The assets of the image: `none`, `refused`, or NAME=CONTENTS for each, separated by spaces.
std::string assets(size_t filesMax, size_t depthMax) {
  std::string what = show("/assets");
  if (what == "none") {
    // A path that cannot be followed is not the same as one that leads nowhere.
    struct stat entry {};
    bool isMissing = stat("/assets", &entry) != 0 && (errno == ENOENT || errno == ENOTDIR);
    return isMissing ? "none" : "refused";
  }
  std::map<std::string, std::string> found;
  if (what != "folder" || !collect("/assets", "", 0, depthMax, filesMax, found)) return "refused";
  std::string line = "found";
  for (const auto &[name, contents] : found) line += " " + name + "=" + contents;
  return found.empty() ? "none" : line;
}

std::string overlay(const Arguments &arguments) {
  std::string options = arguments[1];
  int result = mount("overlay", arguments[0].c_str(), "overlay", 0, options.c_str());
  mounted = result == 0 ? arguments[0] : "";
  return result == 0 ? "ok" : std::strerror(errno);
}

std::string opened() {
  char events[4096];
  ssize_t count = read(watch, events, sizeof events);
  return count > 0 ? "opened" : "untouched";
}

// The folder in which a path lies. It is open only if no link leads there: a layer's own links must not lead out of the layer
// while it is made.
class Parent {
public:
  explicit Parent(const std::string &path) : name(path.substr(path.rfind('/') + 1)) {
    open_how how{};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS;
    std::string folder = path.substr(0, path.rfind('/') + 1);
    fd = static_cast<int>(syscall(SYS_openat2, AT_FDCWD, folder.c_str(), &how, sizeof how));
    if (path[0] != '/') std::abort();
  }
  Parent(const Parent &) = delete;
  ~Parent() {
    if (fd >= 0) close(fd);
  }
  // The path by way of the open folder. It is not valid if the folder is not open.
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd) + "/" + name; }

  int fd;
  const std::string name;
};

void makeFolder(const Parent &at) { mkdirat(at.fd, at.name.c_str(), 0700); }

void makeFile(const Parent &at, const std::string &text) {
  int file = openat(at.fd, at.name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (file < 0) return;
  if (write(file, text.data(), text.size()) < 0) std::abort();
  close(file);
}

void makeLink(const Parent &at, const std::string &target) { (void)!symlinkat(target.c_str(), at.fd, at.name.c_str()); }

void makeHardLink(const Parent &at, const Parent &from) {
  (void)!linkat(from.fd, from.name.c_str(), at.fd, at.name.c_str(), 0);
}

void makeNode(const Parent &at, const std::string &kind) {
  const char *name = at.name.c_str();
  if (kind == "whiteout") mknodat(at.fd, name, S_IFCHR | 0666, 0);
  if (kind == "null") mknodat(at.fd, name, S_IFCHR | 0666, makedev(1, 3));
  if (kind == "block") mknodat(at.fd, name, S_IFBLK | 0666, makedev(7, 0));
  if (kind == "fifo") mknodat(at.fd, name, S_IFIFO | 0666, 0);
  if (kind == "socket") mknodat(at.fd, name, S_IFSOCK | 0666, 0);
}

void mark(const Parent &at, const std::string &name, const std::string &value) {
  if (at.fd >= 0) lsetxattr(at.path().c_str(), name.c_str(), value.data(), value.size(), 0);
}

const std::map<std::string, std::function<std::string(const Arguments &)>> COMMANDS = {
    {"clear", [](auto &a) { nftw(a[0].c_str(), removeOne, 64, FTW_DEPTH | FTW_PHYS); return ""; }},
    {"folder", [](auto &a) { makeFolder(Parent(a[0])); return ""; }},
    {"file", [](auto &a) { makeFile(Parent(a[0]), a[1]); return ""; }},
    {"link", [](auto &a) { makeLink(Parent(a[0]), a[1]); return ""; }},
    {"hard", [](auto &a) { makeHardLink(Parent(a[0]), Parent(a[1])); return ""; }},
    {"node", [](auto &a) { makeNode(Parent(a[0]), a[1]); return ""; }},
    {"mark", [](auto &a) { mark(Parent(a[0]), a[1], a[2]); return ""; }},
    {"overlay", [](auto &a) { return overlay(a); }},
    {"unmount", [](auto &) { if (!mounted.empty()) umount2(mounted.c_str(), MNT_DETACH); mounted = ""; return ""; }},
    {"show", [](auto &a) { return inside(a[0], [&] { return show(a[1]); }); }},
    {"assets", [](auto &a) { return inside(a[0], [&] { return assets(std::stoul(a[1]), std::stoul(a[2])); }); }},
    {"watch", [](auto &a) {
       if (watch < 0) watch = inotify_init1(IN_NONBLOCK);
       inotify_add_watch(watch, a[0].c_str(), IN_OPEN | IN_ACCESS);
       return "ok";
     }},
    {"opened", [](auto &) { return opened(); }},
    // Exchanges two names without end, from a process of its own, until `rest`.
    {"swap", [](auto &a) {
       swapper = fork();
       while (swapper == 0) syscall(SYS_renameat2, AT_FDCWD, a[0].c_str(), AT_FDCWD, a[1].c_str(), 2 /* RENAME_EXCHANGE */);
       return "ok";
     }},
    {"rest", [](auto &) { kill(swapper, SIGKILL); waitpid(swapper, nullptr, 0); return "ok"; }},
    {"ping", [](auto &) { return "ok"; }},
};

} // namespace

int main() {
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    std::perror("layers");
    return 1;
  }
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string name, word;
    Arguments arguments;
    words >> name;
    while (words >> word) arguments.push_back(word);
    std::string answer = COMMANDS.at(name)(arguments);
    if (!answer.empty()) std::cout << answer << std::endl;
  }
  if (swapper > 0) kill(swapper, SIGKILL);
}
