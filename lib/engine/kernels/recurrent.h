// LSTM and GRU over whole sequences, one direction; default activations. Tests:
// tests/engine/native_ops_test.cc.
#pragma once

#include <cstdint>

namespace assize::engine::simd {

// Gates of a step lie side by side, padded to 16 floats: LSTM i, o, f, c; GRU z, r, h.
struct RecurrentShape {
  bool lstm = true;
  bool reverse = false;
  bool linear_before_reset = false;  // GRU
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0;
  int64_t y_step = 0;  // elements from one step's results to the next
  int64_t gates() const { return lstm ? 4 : 3; }
  int64_t width() const { return (gates() * hidden + 15) / 16 * 16; }
};
int64_t RecurrentScratch(const RecurrentShape& shape);  // floats

// x [steps, batch, inputs]; w [inputs, width], r [hidden, width], bw and br [width]; GRU also
// r_last [hidden, hidden rounded up to 16], the part of r for its last gate. State h, c [batch,
// hidden] goes in and out (c null for GRU). y may be null.
void RunRecurrent(const RecurrentShape& shape, const float* x, const float* w, const float* r,
                  const float* r_last, const float* bw, const float* br, float* h, float* c,
                  float* y, float* scratch);

}  // namespace assize::engine::simd
