// convert-opset: every change has a decision; each adapter keeps the function, by the reference on
// both sides and by ONNX Runtime on both sides; what cannot be kept is refused with op and reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "lib/analysis/infer.h"
#include "lib/analysis/schema.h"
#include "lib/onnx/onnx.h"
#include "lib/support/files.h"
#include "passes/convert/adapters.h"
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::passes {
namespace {

using ::assize::testing::Attr;
using ::assize::testing::Floats;
using ::assize::testing::GraphBuilder;
using ::assize::testing::Int;
using ::assize::testing::Ints;
using ::assize::testing::Longs;
using ::assize::testing::MakeModel;
using ::assize::testing::Normal;
using ::assize::testing::Outcome;
using ::assize::testing::RunPipeline;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

// The names of all ai.onnx ops, from the table that lib/analysis reads.
std::set<std::string> AllOps() {
  std::ifstream file(std::string(ASSIZE_SOURCE_DIR) + "/schemas/ops.inc");
  std::set<std::string> ops;
  std::string line;
  while (std::getline(file, line)) {
    const size_t begin = line.find('"'), first = line.find('|');
    if (begin == std::string::npos || first == std::string::npos) continue;
    std::string domain = line.substr(begin + 1, first - begin - 1);
    if (domain.starts_with("S ")) domain = domain.substr(2);
    const std::string name = line.substr(first + 1, line.find('|', first + 1) - first - 1);
    if (!analysis::SchemaVersions("", name).empty()) ops.insert(name);
  }
  return ops;
}

TEST(ConvertOpset, EveryChangeSinceOpset7HasADecision) {
  const std::set<std::string> ops = AllOps();
  ASSERT_GT(ops.size(), 190u);
  int decided = 0;
  for (const std::string& op : ops) {
    const auto versions = analysis::SchemaVersions("", op);
    for (size_t i = 1; i < versions.size(); ++i) {
      const int64_t version = versions[i]->since_version;
      if (version <= 7) continue;
      EXPECT_TRUE(convert::RuleFor(op, version).known) << op << " " << version;
      ++decided;
    }
  }
  EXPECT_GT(decided, 350);
  EXPECT_EQ(analysis::NewestOpset(), 28)
      << "a newer opset: look at its changes, then raise kNewestOpset";
  EXPECT_FALSE(convert::RuleFor("Relu", 12).known);
}

struct Subject {
  std::string name;
  int64_t opset, target;
  std::function<void(GraphBuilder&)> build;
};

// One model for each adapter, and for the ways through it.
std::vector<Subject> Subjects() {
  const auto unary = [](const std::string& op, std::vector<ir::Attribute> attributes,
                        std::vector<std::string> dims) {
    return
        [=](GraphBuilder& g) { g.Input("x", dims).Node(op, {"x"}, {"y"}, attributes).Output("y"); };
  };
  const auto f = [](const std::string& name, float value) { return Attr(name, value); };
  const auto s = [](const std::string& name, std::string value) {
    return Attr(name, std::move(value));
  };
  return {
      {"pad", 10, 11, unary("Pad", {Ints("pads", {0, 1, 2, 0}), f("value", 1.5f)}, {"2", "3"})},
      {"pad_zero", 9, 21, unary("Pad", {Ints("pads", {1, 0, 0, 1})}, {"2", "3"})},
      {"pad_reflect", 9, 18,
       unary("Pad", {Ints("pads", {0, 1, 0, 1}), s("mode", "reflect")}, {"2", "3"})},
      {"clip", 10, 11, unary("Clip", {f("min", -0.5f), f("max", 0.5f)}, {"4", "5"})},
      {"clip_max", 7, 13, unary("Clip", {f("max", 0.25f)}, {"4", "5"})},
      {"clip_none", 7, 13, unary("Clip", {}, {"4", "5"})},
      {"slice", 9, 10,
       unary("Slice", {Ints("starts", {1, -3}), Ints("ends", {9, 4}), Ints("axes", {0, 1})},
             {"4", "5"})},
      {"slice_no_axes", 7, 13,
       unary("Slice", {Ints("starts", {1}), Ints("ends", {3})}, {"4", "5"})},
      {"topk", 9, 10,
       [](GraphBuilder& g) {
         g.Input("x", {"3", "6"})
             .Node("TopK", {"x"}, {"y", "i"}, {Int("k", 2)})
             .Output("y")
             .Output("i");
       }},
      {"upsample", 8, 9,
       unary("Upsample", {Attr("scales", std::vector<float>{1, 1, 2, 3})}, {"1", "2", "3", "2"})},
      {"upsample_to_resize", 7, 10,
       unary("Upsample", {Attr("scales", std::vector<float>{1, 1, 2, 2})}, {"1", "2", "3", "2"})},
      {"upsample_to_resize_13", 7, 13,
       unary("Upsample", {Attr("scales", std::vector<float>{1, 1, 2, 2})}, {"1", "2", "3", "2"})},
      {"upsample_linear", 9, 19,
       [](GraphBuilder& g) {
         g.Input("x", {"1", "1", "3", "4"})
             .Init("s", Floats({4}, {1, 1, 2, 2}))
             .Node("Upsample", {"x", "s"}, {"y"}, {Attr("mode", std::string("linear"))})
             .Output("y");
       }},
      {"resize_10_linear_down", 10, 11,
       [](GraphBuilder& g) {
         g.Input("x", {"1", "1", "6", "8"})
             .Init("s", Floats({4}, {1, 1, 0.5f, 0.5f}))
             .Node("Resize", {"x", "s"}, {"y"}, {Attr("mode", std::string("linear"))})
             .Output("y");
       }},
      {"resize_11_sizes", 11, 13,
       [](GraphBuilder& g) {
         g.Input("x", {"1", "1", "3", "4"})
             .Init("roi", Floats({0}, {}))
             .Init("scales", Floats({0}, {}))
             .Init("sizes", Longs({1, 1, 6, 8}))
             .Node("Resize", {"x", "roi", "scales", "sizes"}, {"y"})
             .Output("y");
       }},
      {"batch_norm", 8, 9,
       [](GraphBuilder& g) {
         g.Input("x", {"2", "3", "4"});
         for (const char* name : {"scale", "bias", "mean"}) g.Init(name, Normal({3}, 5));
         g.Init("var", Floats({3}, {0.5f, 1, 2}))
             .Node("BatchNormalization", {"x", "scale", "bias", "mean", "var"}, {"y"},
                   {Int("spatial", 1)})
             .Output("y");
       }},
      {"batch_norm_15", 9, 15,
       [](GraphBuilder& g) {
         g.Input("x", {"2", "3", "4"});
         for (const char* name : {"scale", "bias", "mean"}) g.Init(name, Normal({3}, 5));
         g.Init("var", Floats({3}, {0.5f, 1, 2}))
             .Node("BatchNormalization", {"x", "scale", "bias", "mean", "var"}, {"y"},
                   {Attr("epsilon", 1e-3f)})
             .Output("y");
       }},
      {"dropout", 7, 12, unary("Dropout", {Attr("ratio", 0.3f)}, {"4", "5"})},
      {"dropout_default", 10, 13, unary("Dropout", {}, {"4", "5"})},
      {"softmax_last", 11, 13, unary("Softmax", {Int("axis", 2)}, {"2", "3", "4"})},
      {"softmax_default", 11, 13, unary("Softmax", {}, {"2", "3", "4"})},
      {"softmax_negative", 11, 13, unary("Softmax", {Int("axis", -2)}, {"2", "3", "4"})},
      {"log_softmax", 8, 21, unary("LogSoftmax", {Int("axis", 1)}, {"2", "3", "4"})},
      {"hardmax", 11, 13, unary("Hardmax", {Int("axis", 0)}, {"2", "3"})},
      {"softmax_symbolic", 11, 13, unary("Softmax", {}, {"N", "3"})},
      {"squeeze", 11, 13, unary("Squeeze", {Ints("axes", {1})}, {"2", "1", "4"})},
      {"squeeze_all", 11, 21, unary("Squeeze", {}, {"2", "1", "4"})},
      {"unsqueeze", 7, 13, unary("Unsqueeze", {Ints("axes", {0, 2})}, {"2", "4"})},
      {"reduce_sum", 11, 13,
       unary("ReduceSum", {Ints("axes", {1}), Int("keepdims", 0)}, {"2", "3", "4"})},
      {"reduce_sum_all", 8, 18, unary("ReduceSum", {}, {"2", "3"})},
      {"reduce_mean", 13, 18, unary("ReduceMean", {Ints("axes", {-1})}, {"2", "3", "4"})},
      {"reduce_max", 7, 20, unary("ReduceMax", {Ints("axes", {0, 1})}, {"2", "3", "4"})},
      {"reduce_l2", 13, 18, unary("ReduceL2", {Ints("axes", {1})}, {"2", "3"})},
      {"split", 11, 13,
       [](GraphBuilder& g) {
         g.Input("x", {"2", "6"})
             .Node("Split", {"x"}, {"a", "b"}, {Int("axis", 1), Ints("split", {2, 4})})
             .Output("a")
             .Output("b");
       }},
      {"split_equal", 11, 18,
       [](GraphBuilder& g) {
         g.Input("x", {"2", "6"})
             .Node("Split", {"x"}, {"a", "b"}, {Int("axis", 1)})
             .Output("a")
             .Output("b");
       }},
      {"scatter", 9, 11,
       [](GraphBuilder& g) {
         g.Input("x", {"3", "3"})
             .Init("i", ir::Tensor::Of<int64_t>({1, 2}, {2, 0}))
             .Init("u", Floats({1, 2}, {7, 8}))
             .Node("Scatter", {"x", "i", "u"}, {"y"}, {Int("axis", 1)})
             .Output("y");
       }},
      {"roi_align", 10, 16,
       [](GraphBuilder& g) {
         g.Input("x", {"1", "2", "6", "6"})
             .Init("rois", Floats({1, 4}, {0.5f, 0.5f, 4.5f, 3.5f}))
             .Init("b", Longs({0}))
             .Node("RoiAlign", {"x", "rois", "b"}, {"y"},
                   {Int("output_height", 2), Int("output_width", 2)})
             .Output("y", ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{1, 2, 2, 2}));
       }},
      {"dft", 17, 20,
       [](GraphBuilder& g) {
         g.Input("x", {"1", "8", "3", "1"})
             .Node("DFT", {"x"}, {"y"}, {Int("axis", 1)})
             .Output("y", ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{1, 8, 3, 2}));
       }},
      {"grid_sample", 16, 20,
       [](GraphBuilder& g) {
         g.Input("x", {"1", "1", "4", "4"})
             .Init("grid",
                   Floats({1, 2, 2, 2}, {-0.5f, -0.4f, 0.1f, 0.2f, 0.6f, -0.3f, 0.9f, 0.7f}))
             .Node("GridSample", {"x", "grid"}, {"y"}, {Attr("mode", std::string("bilinear"))})
             .Output("y", ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{1, 1, 2, 2}));
       }},
      {"group_norm", 18, 21,
       [](GraphBuilder& g) {
         g.Input("x", {"2", "4", "3"})
             .Init("scale", Floats({2}, {0.5f, 2}))
             .Init("bias", Floats({2}, {1, -1}))
             .Node("GroupNormalization", {"x", "scale", "bias"}, {"y"}, {Int("num_groups", 2)})
             .Output("y");
       }},
      {"chain", 7, 21,
       [](GraphBuilder& g) {
         g.Input("x", {"2", "3", "4", "4"})
             .Node("Clip", {"x"}, {"c"}, {Attr("min", 0.0f), Attr("max", 6.0f)})
             .Node("Pad", {"c"}, {"p"}, {Ints("pads", {0, 0, 1, 1, 0, 0, 1, 1})})
             .Node("AveragePool", {"p"}, {"a"},
                   {Ints("kernel_shape", {2, 2}), Ints("strides", {2, 2})})
             .Node("Dropout", {"a"}, {"d"}, {Attr("ratio", 0.5f)})
             .Node("Flatten", {"d"}, {"f"})
             .Node("Unsqueeze", {"f"}, {"u"}, {Ints("axes", {1})})
             .Node("ReduceMean", {"u"}, {"m"}, {Ints("axes", {1}), Int("keepdims", 0)})
             .Node("Softmax", {"m"}, {"y"}, {Int("axis", 1)})
             .Output("y");
       }},
  };
}

ir::Model ModelOf(const Subject& subject) {
  ir::Model model = MakeModel(subject.opset, subject.opset < 9 ? 3 : 4);
  GraphBuilder builder(model.graph);
  subject.build(builder);
  // Files declare the types of their outputs.
  const auto types = analysis::InferTypes(model);
  AZ_CHECK(types.ok(), "{}: {}", subject.name, Message(types.status()));
  for (const ir::ValueRef output : model.graph.outputs())
    builder.edit().SetType(output, types->type(output));
  return model;
}

TEST(ConvertOpset, AdaptersKeepTheFunctionOnTheReference) {
  for (const Subject& subject : Subjects()) {
    ir::Model model = ModelOf(subject);
    const Outcome outcome =
        RunPipeline(fmt::format("convert-opset{{target={}}}", subject.target), model);
    ASSERT_TRUE(outcome.status.ok()) << subject.name << ": " << Message(outcome.status);
    EXPECT_EQ(model.opset(), std::optional<int64_t>(subject.target)) << subject.name;
    EXPECT_EQ(outcome.record().check.outcome, "passed")
        << subject.name << ": " << outcome.record().check.reason;
    // What is not there any more in the newer op must be gone: nothing else would notice a
    // left-over attribute.
    for (const ir::NodeRef ref : model.graph.nodes()) {
      const ir::Node& node = model.graph.node(ref);
      const analysis::OpSchema* schema = analysis::FindSchema("", node.op_type, subject.target);
      ASSERT_NE(schema, nullptr) << subject.name << " " << node.op_type;
      EXPECT_FALSE(schema->deprecated) << subject.name << " " << node.op_type;
      for (const ir::Attribute& attribute : node.attributes) {
        EXPECT_NE(schema->FindAttribute(attribute.name), nullptr)
            << subject.name << ": " << node.op_type << "." << attribute.name << " at opset "
            << subject.target;
      }
    }
  }
}

std::string OraclePython() {
  const std::string python = std::string(ASSIZE_SOURCE_DIR) + "/.deps/oracles/bin/python";
  return fs::exists(python) ? python : "";
}

// The same with a judge that is not ours, and on whole networks: ONNX Runtime before against after.
TEST(ConvertOpset, OnnxRuntimeAgrees) {
  const char* ci = std::getenv("CI");
  if (OraclePython().empty()) {
    ASSERT_FALSE(ci != nullptr && std::string(ci) == "true")
        << "the oracles are missing: scripts/setup test";
    GTEST_SKIP() << "no oracles: scripts/setup test";
  }
  const fs::path folder = fs::temp_directory_path() / fmt::format("assize-convert-{}", ::getpid());
  fs::create_directories(folder);
  std::ofstream list(folder / "list");
  int count = 0;
  const auto add = [&](ir::Model model, int64_t target, const std::string& name) {
    const std::string before = folder / (std::to_string(count) + "_before.onnx");
    const std::string after = folder / (std::to_string(count) + "_after.onnx");
    ++count;
    ASSERT_TRUE(onnx::ExportFile(model, before).ok());
    pass::ManagerOptions options;
    options.numeric_checks = false;
    const Outcome outcome =
        RunPipeline(fmt::format("convert-opset{{target={}}}", target), model, options);
    ASSERT_TRUE(outcome.status.ok()) << name << ": " << Message(outcome.status);
    ASSERT_TRUE(onnx::ExportFile(model, after).ok());
    list << name << "\t" << before << "\t" << after << "\n";
  };
  for (const Subject& subject : Subjects()) {
    // ONNX Runtime has no kernels for these.
    if (subject.name == "group_norm" || subject.name == "dropout") continue;
    add(ModelOf(subject), subject.target, subject.name);
  }
  const fs::path light = fs::path(ASSIZE_SOURCE_DIR) / ".deps/model-cases/light";
  for (const char* name : {"light_squeezenet.onnx", "light_shufflenet.onnx",
                           "light_densenet121.onnx", "light_inception_v2.onnx"}) {
    if (!fs::exists(light / name)) continue;
    auto imported = onnx::ImportFile(light / name);
    ASSERT_TRUE(imported.ok()) << Message(imported.status());
    add(std::move(imported->model), 21, name);
  }
  list.close();
  const std::string command =
      fmt::format("{} {}/tests/passes/compare_with_ort.py {}/list > {}/log 2>&1", OraclePython(),
                  ASSIZE_SOURCE_DIR, folder.string(), folder.string());
  const int exit = std::system(command.c_str());
  std::ifstream log(folder / "log");
  std::ostringstream text;
  text << log.rdbuf();
  EXPECT_EQ(exit, 0) << text.str();
  EXPECT_THAT(text.str(), HasSubstr(fmt::format("{} pairs agree", count)));
  fs::remove_all(folder);
}

// ONNX's own node cases as of opset 17, moved to the newest opset, on ONNX's own inputs: the same
// bits come out.
TEST(ConvertOpset, NodeCasesComputeTheSame) {
  const fs::path root = "/usr/share/libonnx-testdata/data/node";
  if (!fs::is_directory(root)) GTEST_SKIP() << "libonnx-testdata is not installed";
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(root)) cases.push_back(entry.path());
  std::sort(cases.begin(), cases.end());
  int same = 0, adapted = 0;
  for (const fs::path& folder : cases) {
    auto imported = onnx::ImportFile(folder / "model.onnx");
    ASSERT_TRUE(imported.ok()) << Message(imported.status());
    const ir::Model before = imported->model;
    if (before.opset().value_or(0) < 7) continue;
    std::map<std::string, reference::RuntimeValue> feeds;
    bool tensors = true;
    for (size_t i = 0; i < before.graph.inputs().size(); ++i) {
      const ir::Value& input = before.graph.value(before.graph.inputs()[i]);
      const auto bytes = ReadFile(folder / "test_data_set_0" / fmt::format("input_{}.pb", i));
      tensors = tensors && input.type.is_tensor() && bytes.ok();
      if (!tensors) break;
      const auto value = onnx::ImportTensor(*bytes, folder.filename());
      ASSERT_TRUE(value.ok()) << Message(value.status());
      feeds[input.name] = reference::RuntimeValue::Of(value->tensor);
    }
    if (!tensors) continue;
    const auto expected = reference::Run(before, feeds);
    if (!expected.ok()) continue;  // judged by the conformance tests
    ir::Model after = before;
    pass::ManagerOptions options;
    options.numeric_checks = false;
    const Outcome outcome = RunPipeline("convert-opset{target=28}", after, options);
    if (!outcome.status.ok()) {
      // Training-mode normalization, Scan over a batch, nearest samples at scales known at run time
      // only.
      EXPECT_THAT(folder.filename().string(),
                  ::testing::AnyOf(::testing::StartsWith("test_batchnorm"), "test_scan_sum",
                                   "test_upsample_nearest"))
          << Message(outcome.status);
      continue;
    }
    const auto found = reference::Run(after, feeds);
    ASSERT_TRUE(found.ok()) << folder << ": " << Message(found.status());
    ASSERT_EQ(found->size(), expected->size());
    for (size_t i = 0; i < found->size(); ++i) {
      if (!(*expected)[i].is_tensor()) continue;
      EXPECT_TRUE((*found)[i].tensor == (*expected)[i].tensor) << folder << " output " << i;
    }
    ++same;
    if (outcome.record().statistics.count("adapted") > 0 &&
        outcome.record().statistics.at("adapted") > 0)
      ++adapted;
  }
  EXPECT_GT(same, 600);
  EXPECT_GT(adapted, 40) << "few adapters ran: the comparison proves little";
}

Status Convert(ir::Model& model, int64_t target) {
  return RunPipeline(fmt::format("convert-opset{{target={}}}", target), model).status;
}

struct Refusal {
  std::string name;
  int64_t opset, target;
  std::function<void(GraphBuilder&)> build;
  std::string message;
};

TEST(ConvertOpset, RefusesWhatHasNoCounterpart) {
  const auto norm = [](std::vector<std::string> outputs, std::vector<ir::Attribute> attributes) {
    return [=](GraphBuilder& g) {
      g.Input("x", {"2", "3", "4"});
      for (const char* name : {"a", "b", "c", "d"}) g.Init(name, Floats({3}, {1, 1, 1}));
      g.Node("BatchNormalization", {"x", "a", "b", "c", "d"}, outputs, attributes).Output("y");
    };
  };
  const std::vector<Refusal> refusals = {
      {"down", 13, 11,
       [](GraphBuilder& g) { g.Input("x", {"2"}).Node("Relu", {"x"}, {"y"}).Output("y"); },
       "at opset 13, target 11 is below it"},
      {"spatial", 8, 9, norm({"y"}, {Int("spatial", 0)}), "spatial = 0"},
      {"training", 9, 14, norm({"y", "m", "v", "sm", "sv"}, {}), "means training"},
      {"shrinking nearest", 10, 11,
       [](GraphBuilder& g) {
         g.Input("x", {"1", "1", "4", "4"})
             .Init("s", Floats({4}, {1, 1, 0.5f, 1}))
             .Node("Resize", {"x", "s"}, {"y"})
             .Output("y");
       },
       "scale below 1"},
      {"mask", 7, 10,
       [](GraphBuilder& g) {
         g.Input("x", {"4"}).Node("Dropout", {"x"}, {"y", "mask"}).Output("y").Output("mask");
       },
       "mask is in use"},
      {"unknown rank-free type", 9, 11,
       [](GraphBuilder& g) {
         g.Input("x", {"4"}, ir::DType::kBfloat16)
             .Node("Clip", {"x"}, {"y"}, {Attr("min", 0.0f)})
             .Output("y");
       },
       "cannot move to opset 11"},
  };
  for (const Refusal& refusal : refusals) {
    ir::Model model = MakeModel(refusal.opset, 8);
    GraphBuilder builder(model.graph);
    refusal.build(builder);
    const Status status = Convert(model, refusal.target);
    ASSERT_FALSE(status.ok()) << refusal.name;
    EXPECT_THAT(Message(status), HasSubstr(refusal.message)) << refusal.name;
    EXPECT_EQ(model.opset(), std::optional<int64_t>(refusal.opset)) << refusal.name;
  }
}

TEST(ConvertOpset, NamesUnknownOpsAllAtOnce) {
  ir::Model model = MakeModel(11, 8);
  GraphBuilder(model.graph)
      .Input("x", {"2"})
      .Node("Frobnicate", {"x"}, {"a"})
      .Node("Wobble", {"a"}, {"y"})
      .Output("y");
  const Status status = Convert(model, 13);
  EXPECT_THAT(Message(status), HasSubstr("Frobnicate (unknown op), Wobble (unknown op)"));
}

TEST(ConvertOpset, TargetZeroAndOtherDomainsStay) {
  ir::Model model = MakeModel(11, 6);
  model.set_opset("com.example", 1);
  GraphBuilder(model.graph)
      .Input("x", {"2"})
      .Node("Relu", {"x"}, {"a"})
      .Node("Custom", {"a"}, {"y"}, {}, "com.example")
      .Output("y");
  ::assize::testing::ExpectUnchanged("convert-opset", model);
  ASSERT_TRUE(Convert(model, 21).ok());
  EXPECT_EQ(model.opset("com.example"), std::optional<int64_t>(1));
  EXPECT_EQ(model.ir_version, 10);
}

// In a function's body a constant has to be a node, for functions hold no initializers.
TEST(ConvertOpset, FunctionsAndSubgraphs) {
  ir::Model model = MakeModel(11, 8);
  ir::Function function;
  function.name = "SumRows";
  function.domain = "local";
  function.opset_imports = {{"", 11, ""}};
  {
    ir::Editor edit(function.body);
    const ir::ValueRef x = edit.AddInput("fx", ir::Type());
    ir::NodeSpec spec;
    spec.op_type = "ReduceSum";
    spec.inputs = {x};
    spec.outputs = {"fy"};
    spec.attributes = {Ints("axes", {1}), Int("keepdims", 1)};
    const ir::NodeRef node = edit.AddNode(std::move(spec));
    edit.AddOutput(edit.output(node));
  }
  model.functions.push_back(std::move(function));
  model.set_opset("local", 1);
  ir::Graph branch;
  {
    GraphBuilder inner(branch);
    inner.edit().AddCapture("x");
    inner.Node("ReduceSum", {"x"}, {"t"}, {Ints("axes", {0})}).Output("t");
  }
  ir::Graph other;
  {
    GraphBuilder inner(other);
    inner.edit().AddCapture("x");
    inner.Node("ReduceSum", {"x"}, {"e"}, {Ints("axes", {0})}).Output("e");
  }
  GraphBuilder builder(model.graph);
  builder.Input("x", {"2", "3"}).Input("c", {}, ir::DType::kBool);
  builder.Node("SumRows", {"x"}, {"y"}, {}, "local");
  builder.Node(
      "If", {"c"}, {"z"},
      {Attr("then_branch", ir::GraphBox(branch)), Attr("else_branch", ir::GraphBox(other))});
  builder.Output("y", ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{2, 1}));
  builder.Output("z", ir::Type::TensorOf(ir::DType::kFloat, std::vector<int64_t>{1, 3}));
  ASSERT_TRUE(Convert(model, 13).ok());
  EXPECT_EQ(model.functions[0].opset_imports[0].version, 13);
  EXPECT_EQ(::assize::testing::Ops(model.functions[0].body), "Constant ReduceSum");
  EXPECT_TRUE(model.functions[0].body.initializers().empty());
  const ir::Node& node = ::assize::testing::OnlyNode(model.graph, "If");
  const auto& box = std::get<ir::GraphBox>(node.FindAttribute("then_branch")->value);
  EXPECT_EQ(::assize::testing::OnlyNode(*box, "ReduceSum").inputs.size(), 2u);
}

}  // namespace
}  // namespace assize::passes
