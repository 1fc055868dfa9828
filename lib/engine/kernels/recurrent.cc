// Tests: tests/engine/native_ops_test.cc.
#include "lib/engine/kernels/recurrent.h"

#include "lib/engine/kernels/panel.h"
#include "lib/engine/kernels/transcendental.h"

namespace assize::engine::simd {
namespace {

AZ_INLINE void PanelProductBody(const float* a, int64_t a_row, const float* b, int64_t b_row,
                                int64_t terms, float* c, int64_t c_row, int64_t rows,
                                int64_t columns) {
  // Of few rows, as of one sequence, the time is that of reading b: whole lines side by side.
  const int64_t tiled = rows / 4 * 4;
  vec::Block<4, 2>(a, a_row, b, b_row, terms, c, c_row, tiled, columns);
  for (int64_t r = tiled; r < rows; ++r) {
    int64_t j = 0;
    for (; j + 128 <= columns; j += 128)
      vec::WideRow(a + r * a_row, b + j, b_row, terms, c + r * c_row + j);
    vec::Block<1, 1>(a + r * a_row, a_row, b + j, b_row, terms, c + r * c_row + j, c_row, 1,
                     columns - j);
  }
}
AZ_VARIANTS_FMA(PanelProduct,
                (const float* a, int64_t a_row, const float* b, int64_t b_row, int64_t terms,
                 float* c, int64_t c_row, int64_t rows, int64_t columns),
                (a, a_row, b, b_row, terms, c, c_row, rows, columns))

}  // namespace

int64_t RecurrentScratch(const RecurrentShape& s) {
  return (s.steps + 1) * s.batch * s.width() + s.batch * (s.hidden + 16) * 2;
}

void RunRecurrent(const RecurrentShape& s, const float* x, const float* w, const float* r,
                  const float* r_last, const float* bw, const float* br, float* h, float* c,
                  float* y, float* scratch) {
  const int64_t width = s.width(), hidden = s.hidden, last = (hidden + 15) / 16 * 16;
  float* of_x = scratch;                           // [steps * batch, width]
  float* of_h = of_x + s.steps * s.batch * width;  // [batch, width]
  float* gated = of_h + s.batch * width;           // [batch, hidden]
  float* of_gated = gated + s.batch * hidden;      // [batch, last]
  PanelProduct(x, s.inputs, w, width, s.inputs, of_x, width, s.steps * s.batch, width);
  for (int64_t step = 0; step < s.steps; ++step) {
    const int64_t t = s.reverse ? s.steps - 1 - step : step;
    PanelProduct(h, hidden, r, width, hidden, of_h, width, s.batch, width);
    for (int64_t n = 0; n < s.batch; ++n) {
      float* gate = of_x + (t * s.batch + n) * width;
      const float* add = of_h + n * width;
      float *state = h + n * hidden, *cell = s.lstm ? c + n * hidden : nullptr;
      if (s.lstm) {
        for (int64_t i = 0; i < 4 * hidden; ++i) gate[i] += add[i] + (bw[i] + br[i]);
        SigmoidFloats(gate, gate, 3 * hidden);
        TanhFloats(gate + 3 * hidden, gate + 3 * hidden, hidden);
        for (int64_t i = 0; i < hidden; ++i)
          cell[i] = gate[2 * hidden + i] * cell[i] + gate[i] * gate[3 * hidden + i];
        TanhFloats(cell, state, hidden);
        for (int64_t i = 0; i < hidden; ++i) state[i] *= gate[hidden + i];
      } else {
        for (int64_t i = 0; i < 2 * hidden; ++i) gate[i] += add[i] + (bw[i] + br[i]);
        SigmoidFloats(gate, gate, 2 * hidden);
        const float* reset = gate + hidden;
        float* candidate = gate + 2 * hidden;
        const float *in = bw + 2 * hidden, *back = br + 2 * hidden;
        if (s.linear_before_reset) {
          for (int64_t i = 0; i < hidden; ++i)
            candidate[i] += in[i] + reset[i] * (add[2 * hidden + i] + back[i]);
        } else {
          float* product = of_gated + n * last;
          for (int64_t i = 0; i < hidden; ++i) gated[n * hidden + i] = reset[i] * state[i];
          PanelProduct(gated + n * hidden, hidden, r_last, last, hidden, product, last, 1, last);
          for (int64_t i = 0; i < hidden; ++i) candidate[i] += in[i] + (product[i] + back[i]);
        }
        TanhFloats(candidate, candidate, hidden);
        for (int64_t i = 0; i < hidden; ++i)
          state[i] = (1.0f - gate[i]) * candidate[i] + gate[i] * state[i];
      }
      if (y != nullptr) {
        float* to = y + t * s.y_step + n * hidden;
        for (int64_t i = 0; i < hidden; ++i) to[i] = state[i];
      }
    }
  }
}

}  // namespace assize::engine::simd
