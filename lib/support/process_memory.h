// Memory of this process as the system counts it. Tests: tests/support/process_memory_test.cc.
#pragma once

#include <cstdint>

namespace assize {

// Bytes in memory now, and the most there ever were; 0 where the system does not say.
int64_t ResidentBytes();
int64_t PeakResidentBytes();
// The peak begins anew at what is in memory now, where the system can.
void ForgetPeakResidentBytes();

}  // namespace assize
