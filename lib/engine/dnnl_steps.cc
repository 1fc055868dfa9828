// oneDNN behind steps. Tests: tests/engine/.
#include "lib/engine/dnnl_steps.h"

#include <utility>

// OpenMP's run-time calls, without its compiler flag; weak, so that a build without OpenMP links
// and runs.
extern "C" {
void omp_set_num_threads(int) __attribute__((weak));
int omp_get_max_threads(void) __attribute__((weak));
}

namespace assize::engine {
namespace {

// The C interface takes an array of arguments, so that nothing is allocated per run.
struct PrimitiveState {
  dnnl::stream stream;
  std::vector<dnnl::memory> memories;
  std::vector<dnnl_exec_arg_t> arguments;
};

}  // namespace

bool CatchDnnl(const std::function<void()>& body) {
  try {
    body();
    return true;
  } catch (const dnnl::error&) {
    return false;
  }
}

const dnnl::engine& CpuEngine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::memory::data_type DnnlType(ir::DType dtype) {
  switch (dtype) {
    case ir::DType::kFloat:
      return dnnl::memory::data_type::f32;
    case ir::DType::kUint8:
      return dnnl::memory::data_type::u8;
    case ir::DType::kInt8:
      return dnnl::memory::data_type::s8;
    case ir::DType::kInt32:
      return dnnl::memory::data_type::s32;
    default:
      AZ_CHECK(false, "no oneDNN type for {}", ir::NameOf(dtype));
  }
}

dnnl::memory::desc Describe(const ir::Shape& dims, ir::DType dtype,
                            const std::vector<int64_t>& strides) {
  return {dims, DnnlType(dtype), dnnl::memory::dims(strides)};
}

bool AppendActivation(const UnaryOpSpec& activation, dnnl::post_ops& post) {
  switch (activation.kind) {
    case Unary::kRelu:
      post.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
      return true;
    case Unary::kClip:
      post.append_eltwise(dnnl::algorithm::eltwise_clip, activation.a, activation.b);
      return true;
    case Unary::kGelu:
      post.append_eltwise(dnnl::algorithm::eltwise_gelu_erf, 0.0f, 0.0f);
      return true;
    case Unary::kGeluTanh:
      post.append_eltwise(dnnl::algorithm::eltwise_gelu_tanh, 0.0f, 0.0f);
      return true;
    default:
      return false;
  }
}

void SetDnnlStep(Step& step, const dnnl::primitive& primitive, std::vector<DnnlArgument> arguments,
                 int64_t samples) {
  for (const DnnlArgument& argument : arguments) step.reads.push_back(argument.storage);
  for (const DnnlArgument& argument : arguments) {
    if (argument.id == DNNL_ARG_DST || argument.id == DNNL_ARG_SCRATCHPAD)
      step.writes.push_back(argument.storage);
  }
  step.make_state = [arguments]() -> std::shared_ptr<void> {
    auto state = std::make_shared<PrimitiveState>();
    state->stream = dnnl::stream(CpuEngine());
    for (const DnnlArgument& argument : arguments) {
      state->memories.emplace_back(argument.desc, CpuEngine(), nullptr);
      state->arguments.push_back({argument.id, state->memories.back().get()});
    }
    return state;
  };
  step.run = [primitive, arguments = std::move(arguments),
              samples](const StepContext& c) -> Status {
    auto& state = *static_cast<PrimitiveState*>(c.state);
    for (int64_t sample = 0; sample < samples; ++sample) {
      for (size_t i = 0; i < arguments.size(); ++i) {
        std::byte* place =
            c.data[static_cast<size_t>(arguments[i].storage)] + sample * arguments[i].sample_bytes;
        if (dnnl_memory_set_data_handle(state.memories[i].get(), place) != dnnl_success) {
          return Internal("oneDNN refused a buffer");
        }
      }
      const dnnl_status_t status =
          dnnl_primitive_execute(primitive.get(), state.stream.get(),
                                 static_cast<int>(state.arguments.size()), state.arguments.data());
      if (status != dnnl_success)
        return Internal("oneDNN failed with status {}", static_cast<int>(status));
    }
    return OkStatus();
  };
}

std::shared_ptr<std::byte> Reordered(const void* source, const dnnl::memory::desc& from,
                                     const dnnl::memory::desc& to) {
  const std::shared_ptr<std::byte> result = AllocateAligned(static_cast<int64_t>(to.get_size()));
  dnnl::memory src(from, CpuEngine(), const_cast<void*>(source)),
      dst(to, CpuEngine(), result.get());
  dnnl::stream stream(CpuEngine());
  dnnl::reorder(src, dst).execute(stream, src, dst);
  stream.wait();
  return result;
}

bool HasExactInt8() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_fp16:
    case dnnl::cpu_isa::avx512_core_amx:
    case dnnl::cpu_isa::avx512_core_amx_fp16:
    case dnnl::cpu_isa::avx2_vnni:
    case dnnl::cpu_isa::avx2_vnni_2:
      return true;
    default:
      return false;
  }
}

bool ProductsKeepRowsApart() {
  const std::string set = InstructionSet();
  return set.starts_with("avx512_core");
}

void UseThreads(int threads) {
  if (omp_set_num_threads != nullptr) omp_set_num_threads(threads);
}

ThreadScope::ThreadScope(int threads)
    : before_(omp_get_max_threads != nullptr ? omp_get_max_threads() : 1) {
  UseThreads(threads);
}
ThreadScope::~ThreadScope() { UseThreads(before_); }

// Compile's door to what oneDNN detected.
std::string InstructionSet() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx2_vnni_2:
      return "avx2_vnni_2";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_fp16:
      return "avx512_core_fp16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512_core_amx";
    case dnnl::cpu_isa::avx512_core_amx_fp16:
      return "avx512_core_amx_fp16";
    default:
      return "scalar";
  }
}

}  // namespace assize::engine
