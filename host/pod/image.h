// Opens the game in a container image, with the kernel resolving every path inside the image (image.cc).
#pragma once

#include "volume.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

// The files of an image to open, and the limits on them. The fields of ImageRequest in opener.ts explain each.
struct ImageRequest {
  bool isOverlay = false;
  std::vector<std::string> layers; // Folders, the uppermost first. One folder if the image is not an overlay.
  std::string options;             // Options for the overlay mount, each with a comma behind it.
  std::string entrypoint;
  std::vector<Volume> volumes;
  std::string podUid; // Id of the pod to which the volumes belong; empty if they may be anywhere.
  int nodeRoot = -1;  // Root folder of the node, in which volumes are found.
  uint64_t filesMax = 0;
  uint64_t bytesMax = 0;
  uint64_t depthMax = 0;
};

struct OpenAsset {
  std::string name; // Path within /assets, or config.json.
  uint64_t bytes = 0;
  int fd = -1;
};

// A failure, with a code from host/base/errors.ts.
struct ImageFailure {
  const char *code = nullptr; // nullptr if there is none.
  std::string message;
};

// The open files of a game's image. Closes them when it is destroyed.
class Image {
public:
  Image() = default;
  Image(const Image &) = delete;
  Image &operator=(const Image &) = delete;
  ~Image();

  // Opens the entrypoint, every file below /assets, and /config.json as an asset, too. A volume takes the place of what the image has at
  // its path. Returns false and sets `failure` if that fails.
  bool open(const ImageRequest &request);

  ImageFailure failure;
  int module = -1;
  std::vector<OpenAsset> assets;

private:
  bool openRoot();
  bool mountOverlay();
  bool openVolumes();
  int resolve(const std::string &path, uint64_t flags = 0);
  bool openModule();
  bool openAssets();
  bool openImageAssets();
  bool openConfig();
  bool walk(int folder, const std::string &path, uint64_t depth);
  bool enter(const std::string &path, uint64_t depth);
  bool add(const std::string &path, int handle, uint64_t bytes);
  bool addFile(const std::string &name, const std::string &full, int handle, uint64_t bytes);
  bool fail(const char *code, std::string message);
  bool failErrno(const std::string &what);

  const ImageRequest *request_ = nullptr;
  int root_ = -1;
  Volumes volumes_;
  std::set<std::string> entered_; // Paths within /assets at which a volume was found.
  bool isMounted_ = false;
  uint64_t entries_ = 0; // Files and folders seen below /assets.
  uint64_t bytes_ = 0;   // Size of the asset pack that holds the assets found so far.
};

// Gives this process a mount namespace of its own, in which mountOverlay() may mount. Returns false with errno set on failure.
bool unshareMounts();
