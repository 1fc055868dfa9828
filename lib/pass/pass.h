// Pass: one transformation of a model. Two shapes, a pattern pass and a model pass.
//
// A pattern pass has a const Match that may decline with a reason, and a Rewrite that cannot fail;
// the driver walks the nodes in execution order and rewrites straight after the match, again until
// nothing matches, under a named limit. A model pass sees the whole model and the services; the
// manager runs it on a clone, so a failure leaves the original. A pass holds no state across runs.
// Tests: tests/pass/pattern_driver_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/analysis/infer.h"
#include "lib/ir/editor.h"
#include "lib/ir/model.h"
#include "lib/pass/option.h"
#include "lib/pass/record.h"
#include "lib/pass/services.h"
#include "lib/support/diagnostics.h"
#include "lib/support/progress.h"
#include "lib/support/status.h"
#include "lib/verify/tolerance.h"

namespace assize::pass {

// The folder a pass lives in: what has to be proved about it.
enum class Folder { kSimplify, kFuse, kConvert, kPrune, kQuantize, kDistill, kCheck, kTesting };
std::string_view NameOf(Folder folder);

// What a pass says of itself; static, returned by value from Describe().
struct Descriptor {
  std::string summary;  // one line, imperative: "Folds BatchNormalization into Conv"
  std::vector<OptionDescriptor> options = {};
  bool needs_evaluator = false;
  bool needs_calibration = false;
  bool needs_artifacts = false;
  bool idempotent = true;       // a second run changes nothing
  bool keeps_signature = true;  // names and types of graph inputs and outputs stay
  // The bound of the numeric promise. Unset: the folder decides (exact for simplify, convert and
  // testing, kAffineFold for fuse, none where the function is meant to change).
  std::optional<verify::Tolerance> tolerance = std::nullopt;
  // No promise of numbers though the folder has one: the function may move, and criteria on data
  // judge it.
  bool judged_by_data = false;
};

// What a run may use and fill in.
struct Context {
  Services services;
  DiagnosticSink* diagnostics = nullptr;  // never null inside a pass
  Progress* progress = nullptr;           // never null inside a pass
  uint64_t seed = 0;
  std::map<std::string, int64_t>* statistics = nullptr;  // never null inside a pass
  Json* facts = nullptr;                                 // never null inside a pass
};

class Pass {
 public:
  virtual ~Pass() = default;
  virtual Descriptor Describe() const = 0;
  // Called once, before Run, with parsed options. Default: takes none.
  virtual void Configure(const Options& options) { options_ = options; }
  const Options& options() const { return options_; }
  // Changes `model`. On error `model` is thrown away by the manager.
  virtual Status Run(ir::Model& model, Context& context) = 0;

 private:
  Options options_;
};

// A pass over the whole model.
class ModelPass : public Pass {};

// Why a match was declined; kept for --stats and tests.
class MatchLog {
 public:
  // Declines: returns nullopt so that Match can `return why.Because("...")`.
  std::nullopt_t Because(std::string_view reason) {
    ++declined_[std::string(reason)];
    return std::nullopt;
  }
  const std::map<std::string, int64_t>& declined() const { return declined_; }

 private:
  std::map<std::string, int64_t> declined_;
};

// The model around the graph that a pattern pass is looking at.
struct GraphContext {
  const ir::Model& model;
  const std::vector<ir::OpsetImport>& opset_imports;  // of the main graph or of the function
  bool in_function = false;                           // a function's body has no initializers
  // Types of this graph's values as of the start of the round, from inputs and constants alone
  // (declared types of other values may be stale). Null unless the pass asked for them. Values made
  // since have no type.
  const analysis::TypeTable* types = nullptr;
  // A new initializer is allowed here: not in a function, nor below IR version 4, where each is an
  // input too.
  bool MayAddInitializers() const { return !in_function && model.ir_version >= 4; }
  std::optional<int64_t> opset(std::string_view domain = "") const;
};

// A pass over nodes. `M` is what Match found: handles and values, no pointers into the graph.
// Walks the main graph, its subgraphs and the functions' bodies.
template <typename M>
class PatternPass : public Pass {
 public:
  // Read-only.
  virtual std::optional<M> Match(const GraphContext& context, const ir::Graph& graph,
                                 ir::NodeRef node, MatchLog& why) const = 0;
  // Total: Match established every precondition. May remove `node` and others; adds before `node`.
  virtual void Rewrite(const M& match, ir::Editor& edit) const = 0;
  // True when Match reads GraphContext::types; they are inferred anew each round.
  virtual bool NeedsTypes() const { return false; }

  Status Run(ir::Model& model, Context& context) final;
};

// The driver's limit: rounds over a graph. Every rewrite must make progress, so a graph that needs
// more than this many rounds shows a pass that does not terminate.
inline constexpr int kMaxPatternRounds = 64;

namespace pass_internal {
// Type-erased driver, defined in pattern_driver.cc: walks every graph of the model; `visit` matches
// and rewrites at one node and says whether it did.
class NodeVisitor {
 public:
  virtual ~NodeVisitor() = default;
  virtual bool Visit(const GraphContext& context, ir::Editor& edit, ir::NodeRef node) = 0;
  virtual bool NeedsTypes() const = 0;
};
Status DrivePattern(ir::Model& model, Context& context, NodeVisitor& visitor);
void CountMatches(Context& context, int64_t rewritten, const MatchLog& log);
}  // namespace pass_internal

template <typename M>
Status PatternPass<M>::Run(ir::Model& model, Context& context) {
  struct Visitor final : pass_internal::NodeVisitor {
    const PatternPass<M>& pass;
    MatchLog log;
    int64_t rewritten = 0;
    explicit Visitor(const PatternPass<M>& p) : pass(p) {}
    bool NeedsTypes() const override { return pass.NeedsTypes(); }
    bool Visit(const GraphContext& graph_context, ir::Editor& edit, ir::NodeRef node) override {
      const std::optional<M> match = pass.Match(graph_context, edit.graph(), node, log);
      if (!match) return false;
      pass.Rewrite(*match, edit);
      ++rewritten;
      return true;
    }
  } visitor(*this);
  const Status status = pass_internal::DrivePattern(model, context, visitor);
  pass_internal::CountMatches(context, visitor.rewritten, visitor.log);
  return status;
}

}  // namespace assize::pass

// In a pass's .cc, inside namespace assize::passes: makes the factory that passes/passes.def's row
// names.
#define ASSIZE_DEFINE_PASS(Class)                                                             \
  std::unique_ptr<::assize::pass::Pass> Create##Class() { return std::make_unique<Class>(); } \
  static_assert(true)
