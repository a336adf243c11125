// A small privileged process that opens images for an unprivileged host process. It inherits one socket as descriptor 3 and ends
// when that socket is closed. It may inherit the node's root folder as descriptor 4, which shows mounts that its own namespace lacks. Each request names the layers of an image and brings a socket for the reply; the reply consists of
// descriptors, never of paths. wire.h describes the messages.
#include "image.h"
#include "wire.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

constexpr int CONTROL_FD = 3;
constexpr int NODE_ROOT_FD = 4;
constexpr rlim_t FILES_MAX = 1 << 20;
// The rest of root's privileges: to mount, and to open files of any owner.
constexpr uint64_t KEPT = uint64_t{1} << CAP_SYS_ADMIN | uint64_t{1} << CAP_DAC_READ_SEARCH;

bool dropPrivileges() {
  for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
    if (!(KEPT >> capability & 1)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int word = 0; word < 2; word++)
    data[word].effective = data[word].permitted = static_cast<uint32_t>(KEPT >> (32 * word));
  return syscall(SYS_capset, &header, data) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

// The places of layers, once they are known; see wire.h.
std::vector<std::string> places;
std::string podUid;
bool isSealed = false;

// The parts of a path between its slashes.
std::vector<std::string> partsOf(const std::string &path) {
  std::vector<std::string> parts(1);
  for (char letter : path)
    if (letter == '/')
      parts.emplace_back();
    else
      parts.back() += letter;
  return parts;
}

bool isAt(const std::string &place, const std::string &path) {
  std::vector<std::string> wanted = partsOf(place), given = partsOf(path);
  if (wanted.size() != given.size() || path[0] != '/') return false;
  for (size_t i = 1; i < wanted.size(); i++) {
    if (given[i].empty() || given[i] == "." || given[i] == "..") return false;
    if (wanted[i] != "*" && wanted[i] != given[i]) return false;
  }
  return true;
}

// The first layer that is at none of the places; nullptr if there is none.
const std::string *strayLayer(const ImageRequest &request) {
  for (const std::string &layer : request.layers) {
    auto at = [&](const std::string &place) { return isAt(place, layer); };
    if (isSealed && std::none_of(places.begin(), places.end(), at)) return &layer;
  }
  return nullptr;
}

// Whether volumes may be opened: those of a pod by the rule for pods (volume.h), others only at the places.
bool areVolumesKnown(const ImageRequest &request) {
  return !isSealed || !podUid.empty() ||
         std::all_of(request.volumes.begin(), request.volumes.end(), [](const Volume &volume) {
           return std::any_of(places.begin(), places.end(),
                              [&](const std::string &place) { return isAt(place, volume.source); });
         });
}

// Whether all options of a mount change only the view of its layers. None names a folder.
bool areHarmless(const std::string &options) {
  for (size_t at = 0, end; at < options.size(); at = end + 1) {
    end = options.find(',', at);
    if (end == std::string::npos) return false;
    std::string option = options.substr(at, end - at), name = option.substr(0, option.find('='));
    std::string value = name.size() < option.size() ? option.substr(name.size() + 1) : "";
    bool isKnown = option == "userxattr" || name == "redirect_dir" || name == "metacopy" || name == "xino";
    if (!isKnown || value.find_first_not_of("abcdefghijklmnopqrstuvwxyz") != std::string::npos) return false;
  }
  return true;
}

// Splits a request into its strings, each of which ends with a zero byte.
std::vector<std::string> split(const std::vector<char> &message) {
  std::vector<std::string> parts;
  for (auto at = message.begin(); at != message.end();) {
    auto end = std::find(at, message.end(), '\0');
    parts.emplace_back(at, end);
    at = end == message.end() ? end : end + 1;
  }
  return parts;
}

uint64_t number(const std::string &text) { return std::strtoull(text.c_str(), nullptr, 10); }

bool parse(const std::vector<std::string> &parts, ImageRequest &request) {
  if (parts.size() <= REQUEST_FIELDS) return false;
  request.isOverlay = parts[0] == "overlay";
  request.entrypoint = parts[1];
  request.filesMax = number(parts[2]);
  request.bytesMax = number(parts[3]);
  request.depthMax = number(parts[4]);
  request.options = parts[5];
  // Two strings for each volume, and then at least one layer.
  const uint64_t volumes = number(parts[6]);
  if (volumes > parts.size() || parts.size() <= REQUEST_FIELDS + 2 * volumes) return false;
  for (size_t at = REQUEST_FIELDS; at < REQUEST_FIELDS + 2 * volumes; at += 2)
    request.volumes.push_back({parts[at], parts[at + 1]});
  request.podUid = podUid;
  request.nodeRoot = NODE_ROOT_FD;
  request.layers.assign(parts.begin() + static_cast<ptrdiff_t>(REQUEST_FIELDS + 2 * volumes), parts.end());
  return areHarmless(request.options) && areVolumesKnown(request);
}

bool sendFailure(int socket, const ImageFailure &failure) {
  std::string text = std::string(1, MESSAGE_FAILURE) + failure.code + '\0' + failure.message;
  return sendMessage(socket, text.data(), text.size(), {});
}

// Sends the names and sizes of the assets.
bool sendList(int socket, const std::vector<OpenAsset> &assets) {
  std::string text(1, MESSAGE_LIST);
  auto flush = [&] {
    bool isSent = text.size() == 1 || sendMessage(socket, text.data(), text.size(), {});
    text.resize(1);
    return isSent;
  };
  for (const OpenAsset &asset : assets) {
    uint64_t bytes = asset.bytes;
    if (text.size() + sizeof bytes + asset.name.size() + 1 > LIST_BYTES_MAX && !flush()) return false;
    text.append(reinterpret_cast<const char *>(&bytes), sizeof bytes);
    text += asset.name;
    text += '\0';
  }
  return flush();
}

// Sends the descriptors of the assets, in the order of the list.
bool sendFiles(int socket, const std::vector<OpenAsset> &assets) {
  const char type = MESSAGE_FILES;
  for (size_t at = 0; at < assets.size(); at += FILES_PER_MESSAGE) {
    std::vector<int> fds;
    for (size_t n = at; n < assets.size() && n < at + FILES_PER_MESSAGE; n++) fds.push_back(assets[n].fd);
    if (!sendMessage(socket, &type, 1, fds)) return false;
  }
  return true;
}

// Opens one image and sends what it found. A host that no longer listens makes the sending fail, which ends the reply.
void serve(int socket, const std::vector<char> &message) {
  timeval patience{PATIENCE_S, 0};
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ImageRequest request;
  Image image;
  std::vector<std::string> parts = split(message);
  if (!parts.empty() && parts[0] == "ready") {
    sendFailure(socket, {"", ""});
  } else if (!parts.empty() && parts[0] == "seal") {
    if (!isSealed && parts.size() > 1) {
      podUid = parts[1];
      places.assign(parts.begin() + 2, parts.end());
    }
    isSealed = true;
    sendFailure(socket, {"", ""});
  } else if (!parse(parts, request)) {
    sendFailure(socket, {"NL_POD", "the request for an image is not valid"});
  } else if (const std::string *stray = strayLayer(request)) {
    sendFailure(socket, {"NL_POD", "the image's layer " + *stray + " is not where this pod's images are"});
  } else if (!image.open(request)) {
    sendFailure(socket, image.failure);
  } else {
    const char module = MESSAGE_MODULE, end = MESSAGE_LISTED;
    if (sendMessage(socket, &module, 1, {image.module}) && sendList(socket, image.assets) &&
        sendMessage(socket, &end, 1, {}))
      sendFiles(socket, image.assets);
  }
}

} // namespace

int main() {
  rlimit files{FILES_MAX, FILES_MAX};
  setrlimit(RLIMIT_NOFILE, &files);
  // Without a folder of the node, its root is that of this process.
  int root = fcntl(NODE_ROOT_FD, F_GETFD) < 0 ? open("/", O_PATH | O_DIRECTORY) : NODE_ROOT_FD;
  bool hasRoot = root == NODE_ROOT_FD || dup2(root, NODE_ROOT_FD) == NODE_ROOT_FD;
  if (!hasRoot || syscall(SYS_close_range, NODE_ROOT_FD + 1, ~0U, 0) != 0 || !unshareMounts() || !dropPrivileges()) {
    dprintf(STDERR_FILENO, "the image opener cannot start: %s (it needs root and Linux 5.9)\n", std::strerror(errno));
    return EXIT_FAILURE;
  }
  std::vector<char> message(REQUEST_BYTES_MAX);
  for (;;) {
    std::vector<int> fds;
    message.resize(REQUEST_BYTES_MAX);
    ssize_t bytes = receiveMessage(CONTROL_FD, message.data(), message.size(), fds);
    if (bytes <= 0) return EXIT_SUCCESS;
    message.resize(static_cast<size_t>(bytes));
    if (fds.size() == 1) serve(fds[0], message);
    for (int fd : fds) close(fd);
  }
}
