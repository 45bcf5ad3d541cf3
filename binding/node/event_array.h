// Events as JavaScript reads them: one flat array a batch, `kind, stream, length` and then that
// many values for each event (lib/native/events.ts).
#pragma once

#include <napi.h>

#include <vector>

#include "engine/events.h"

namespace s2npkey::node {

// Without the descriptors: those are taken one by one.
Napi::Array ToArray(Napi::Env env, const std::vector<engine::Event>& events);

}  // namespace s2npkey::node
