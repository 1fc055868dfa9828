// Reads /proc/self/status. Tests: tests/support/process_memory_test.cc.
#include "lib/support/process_memory.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace assize {
namespace {

int64_t StatusBytes(std::string_view field) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field)) return std::atoll(line.c_str() + field.size()) * 1024;
  }
  return 0;
}

}  // namespace

int64_t ResidentBytes() { return StatusBytes("VmRSS:"); }
int64_t PeakResidentBytes() { return StatusBytes("VmHWM:"); }
void ForgetPeakResidentBytes() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace assize
