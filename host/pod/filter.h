// The filter of the system calls that the host process of a pod may make (filter.cc).
#pragma once
#include <napi.h>

// filterSystemCalls(): applies the filter to every thread of this process, for good. Throws if the kernel refuses.
Napi::Value filterSystemCalls(const Napi::CallbackInfo &info);
