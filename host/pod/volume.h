// The volumes of a pod that are mounted into a game's container. Their contents may come from other containers of the pod, so every path
// in a volume is resolved within the volume.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

// A volume as the container's config.json has it.
struct Volume {
  std::string destination; // Path in the container, without a slash at its end.
  std::string source;      // Path of the node: a folder or a file.
};

// The open volumes of a container. Closes them when it is destroyed.
class Volumes {
public:
  Volumes() = default;
  Volumes(const Volumes &) = delete;
  Volumes &operator=(const Volumes &) = delete;
  ~Volumes();

  // Opens volumes. `root` is the root folder of the node, with mounts that this process does not have. With the id of a pod, each source must be below the folders that the kubelet has for that pod's volumes. Returns the
  // source that cannot be opened, with errno set; nullptr if there is none.
  const std::string *open(const std::vector<Volume> &volumes, const std::string &podUid, int root);

  // Whether a path of the container is that of a volume or lies in one.
  bool cover(const std::string &path) const { return find(path) != nullptr; }

  // Finds a path that a volume covers. Returns an O_PATH descriptor; -1 with errno set on failure.
  int resolve(const std::string &path, uint64_t flags) const;

  // The paths of the volumes below a folder of the container, relative to it.
  std::vector<std::string> below(const std::string &folder) const;

private:
  struct Open {
    std::string destination;
    int fd;
    bool isFolder;
  };
  const Open *find(const std::string &path) const;
  std::vector<Open> volumes_;
};
