#include "jail.h"
#include "constants.h"
#include "files.h"
#include "limits.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

// Folders of which every system has one. The empty file system is mounted there until it becomes the root.
constexpr const char *MOUNT_POINTS[] = {"/tmp", "/proc", "/dev", "/usr", "/etc"};

constexpr unsigned long QUIET = MS_NOSUID | MS_NODEV;

// Securebits: uid 0 gives no capabilities, and none can be kept or raised. Each bit is locked.
constexpr unsigned long SECUREBITS = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                     SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

Jail readJail() {
  unsigned separation = 0, user = 0, group = 0;
  const char *text = getenv(JAIL_VARIABLE);
  if (text == nullptr || std::sscanf(text, "%u %u %u", &separation, &user, &group) != 3) separation = 0;
  return {static_cast<Separation>(separation), user, group, {}};
}

void closeFrom(int first) {
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  for (long fd = first, end = sysconf(_SC_OPEN_MAX); fd < end; fd++) close(static_cast<int>(fd));
}

// Mounts a file system in memory on a folder. The options are those of tmpfs(5).
bool mountMemory(const char *folder, unsigned long flags, const char *options) {
  return mount("jail", folder, "tmpfs", flags, options) == 0;
}

// Leaves a chroot for the root of the mount namespace, because pivot_root(2) needs a root that is a mount point. Going up with
// ".." ends only at the root of the process, and that is `folder` meanwhile.
bool leaveChroot(const char *folder) {
  if (chdir("/") != 0 || chroot(folder) != 0) return false;
  struct stat here {}, above {};
  do {
    if (stat(".", &here) != 0 || chdir("..") != 0 || stat(".", &above) != 0) return false;
  } while (here.st_ino != above.st_ino || here.st_dev != above.st_dev);
  return chroot(".") == 0;
}

const char *findMountPoint() {
  struct stat file {};
  for (const char *folder : MOUNT_POINTS)
    if (stat(folder, &file) == 0 && S_ISDIR(file.st_mode)) return folder;
  return nullptr;
}

// Keeps the mounts that follow from the rest of the system.
bool separateMounts() { return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0; }

// Mounts the scratch folder in the working directory.
bool mountScratch(const Jail &jail, const JailOptions &options) {
  char size[96];
  bool isOwn = jail.separation == Separation::ownUser;
  std::snprintf(size, sizeof size, "size=%llu,nr_inodes=8,mode=0700,uid=%u,gid=%u",
                static_cast<unsigned long long>(options.scratchBytes), isOwn ? jail.user : 0, isOwn ? jail.group : 0);
  return mkdir("scratch", 0700) == 0 &&
         mountMemory("scratch", QUIET | (options.isScratchExecutable ? 0 : MS_NOEXEC), size);
}

bool hasCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return true;
  for (const __user_cap_data_struct &word : data)
    if ((word.effective | word.permitted | word.inheritable) != 0) return true;
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) != 0)
      return true;
  return false;
}

bool takeUser(const Jail &jail) {
  if (setgroups(jail.groups.size(), jail.groups.data()) != 0) return false;
  if (setresgid(jail.group, jail.group, jail.group) != 0) return false;
  return setresuid(jail.user, jail.user, jail.user) == 0;
}

} // namespace

// The node's file system is unmounted, so that not even an open descriptor of a folder leads back.
bool emptyRoot(const Jail &jail, const JailOptions &options) {
  const char *place = findMountPoint();
  if (place == nullptr) return false;
  if (!separateMounts()) {
    if (!leaveChroot(place) || !separateMounts()) return false;
    place = findMountPoint();
  }
  if (place == nullptr || !mountMemory(place, QUIET | MS_NOEXEC, "size=64k,nr_inodes=4,mode=0555")) return false;
  if (chdir(place) != 0 || (options.scratchBytes != 0 && !mountScratch(jail, options))) return false;
  if (mount(nullptr, ".", nullptr, MS_REMOUNT | MS_RDONLY | MS_NOEXEC | QUIET, nullptr) != 0) return false;
  // With equal arguments, pivot_root(2) stacks the old root on the new one, where it is unmounted.
  if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0) return false;
  if (chdir("/") != 0 || access("/etc", F_OK) == 0 || access("/proc", F_OK) == 0) return false;
  return options.scratchBytes == 0 || chdir("/scratch") == 0;
}

bool mountRoot() {
  if (separateMounts()) return true;
  // A path that goes up from the root ends at what is mounted there.
  return mount("/", "/", nullptr, MS_BIND | MS_REC, nullptr) == 0 && chdir("/") == 0 && chdir("..") == 0 &&
         chroot(".") == 0 && separateMounts();
}

// The jailer holds the other end of FD_PARENT, so if it has ended before, that shows here.
void endWithJailer() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd parent{FD_PARENT, 0, 0};
  if (poll(&parent, 1, 0) != 0) _exit(EXIT_FAILED);
  close(FD_PARENT);
}

uint32_t dropPrivileges(const Jail &jail) {
  uint32_t layers = 0;
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  bool isRootHarmless = prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) == 0;
  bool hasOwnUser = jail.separation == Separation::ownUser && jail.user != 0 && takeUser(jail);
  if (jail.separation == Separation::userNamespace || hasOwnUser) layers |= LAYER_USER_OR_UID;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  syscall(SYS_capset, &header, none);
  if (isRootHarmless && !hasCapabilities()) layers |= LAYER_NO_CAPABILITIES;
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) layers |= LAYER_NO_NEW_PRIVILEGES;
  // No other process of the same user may read this one's memory.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return layers;
}

uint32_t enterJail(const JailOptions &options) {
  Jail jail = readJail();
  uint32_t layers = 0;
  clearenv();
  closeFrom(options.firstFd);
  // The jailer makes all namespaces at once, so one of them tells for all.
  if (jail.separation != Separation::none && getpid() == 1) layers |= LAYER_NAMESPACES;
  if ((layers & LAYER_NAMESPACES) != 0 && emptyRoot(jail, options)) layers |= LAYER_EMPTY_ROOT;
  if (limitResources()) layers |= LAYER_LIMITS;
  layers |= dropPrivileges(jail);
  if ((layers & LAYER_EMPTY_ROOT) == 0) forbidFiles(options.needsScratch);
  // A new user id cancels the signal that was to end this process with its parent.
  endWithJailer();
  return layers;
}
