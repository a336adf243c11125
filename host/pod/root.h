// The root folder of a pod's host (root.cc).
#pragma once
#include <napi.h>

// emptyRoot(entries): replaces this process's root folder by an empty, read-only one with these entries, and unmounts the old one.
// An entry is [kind, target, source]; the target's folder is named without symbolic links. The kinds:
//   read    shows the file or folder `source` of the old root, read-only
//   link    is a symbolic link with the text `source`
//   memory  is an empty folder in memory, in which root may write
//   hidden  is an empty folder in place of one that a `read` before it shows
//   proc    is the process file system of this process's own pid namespace
Napi::Value emptyRoot(const Napi::CallbackInfo &info);
