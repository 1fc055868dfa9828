// The families of kernels, one file each under lib/reference/ops/. Adding a family: its file, its
// line here.
#pragma once

#include "lib/reference/kernel.h"

// X(Name): lib/reference/ops/<name>.cc defines KernelRows <Name>Rows().
#define ASSIZE_KERNEL_FAMILIES(X) \
  X(Unary)                        \
  X(Activation)                   \
  X(Binary)                       \
  X(Logic)                        \
  X(Reduce)                       \
  X(Softmax)                      \
  X(Conv)                         \
  X(MatMul)                       \
  X(Pool)                         \
  X(Normalization)                \
  X(Shape)                        \
  X(Movement)                     \
  X(Gather)                       \
  X(Cast)                         \
  X(Quantize)                     \
  X(Scatter)                      \
  X(Sequence)                     \
  X(Control)                      \
  X(Linear)                       \
  X(Resize)                       \
  X(Recurrent)                    \
  X(Random)                       \
  X(Attention)                    \
  X(Vision)                       \
  X(Signal)                       \
  X(Loss)                         \
  X(Text)                         \
  X(QLinear)                      \
  X(QMatMul)                      \
  X(Gelu)                         \
  X(SkipNormalization)            \
  X(PackedAttention)              \
  X(GroupQuery)                   \
  X(Gradient)                     \
  X(Ml)

namespace assize::reference {

#define ASSIZE_DECLARE_FAMILY(Name) KernelRows Name##Rows();
ASSIZE_KERNEL_FAMILIES(ASSIZE_DECLARE_FAMILY)
#undef ASSIZE_DECLARE_FAMILY

}  // namespace assize::reference
