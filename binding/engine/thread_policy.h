// How the kernel schedules an engine thread where it shares a core with the event loop. Its share
// of the processor is what it would be anyway; this is about who goes first.
#pragma once

namespace s2npkey::engine {

// Makes the calling thread one that works in batches: it waits until the event loop sleeps, instead
// of interrupting it for each message (SCHED_BATCH of sched(7)). A policy that the user gave the
// process stays.
void WorkInBatches();

// Between two long pieces of work: whoever waits for this core goes first, which the kernel would
// otherwise see to with its next tick only, up to 4 ms later.
void LetOthersGoFirst();

}  // namespace s2npkey::engine
