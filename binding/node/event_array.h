// Events as JavaScript reads them: one flat array a batch (lib/native/events.ts knows the layout).
#pragma once

#include <napi.h>

#include <vector>

#include "engine/events.h"

namespace keyless::node {

// Hands the descriptors inside over to JavaScript.
Napi::Array ToArray(Napi::Env env, std::vector<engine::Event> events);

}  // namespace keyless::node
