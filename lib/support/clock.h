// Time, injected, so that tests and reproducible builds choose it. Tests:
// tests/support/clock_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/support/status.h"

namespace assize {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t NowSeconds() const = 0;       // Unix time, UTC
  virtual int64_t MonotonicMicros() const = 0;  // for durations
};

const Clock& SystemClock();
// Nanoseconds since some fixed moment, for measuring single kernels; SystemClock's source.
int64_t MonotonicNanos();

class FixedClock final : public Clock {
 public:
  explicit FixedClock(int64_t seconds) : seconds_(seconds) {}
  int64_t NowSeconds() const override { return seconds_; }
  int64_t MonotonicMicros() const override { return 0; }

 private:
  int64_t seconds_;
};

std::string Rfc3339(int64_t unix_seconds);  // 2026-11-23T09:00:00Z
StatusOr<int64_t> ParseRfc3339(std::string_view text);

}  // namespace assize
