// distill-export: the teacher's logits are the teacher's, the student runs and is smaller, the
// description names every file by digest, and no row leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "lib/ir/hash.h"
#include "lib/support/json.h"
#include "passes/distill/student.h"
#include "tests/passes/testing_models.h"
#include "tests/passes/testing_services.h"

namespace assize::passes {
namespace {

using ::assize::testing::Attr;
using ::assize::testing::Floats;
using ::assize::testing::GraphBuilder;
using ::assize::testing::Int;
using ::assize::testing::Ints;
using ::assize::testing::MakeModel;
using ::assize::testing::Normal;
using ::assize::testing::ReferenceEvaluator;
using ::testing::HasSubstr;

class Sink final : public pass::ArtifactSink {
 public:
  Status Write(const std::string& name, std::span<const std::byte> bytes) override {
    files[name] = std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return OkStatus();
  }
  Status WriteModel(const std::string& name, const ir::Model& model) override {
    models.emplace(name, model);
    return OkStatus();
  }
  std::map<std::string, std::string> files;
  std::map<std::string, ir::Model> models;
};

class Rows final : public pass::Dataset {
 public:
  Rows(std::string input, ir::Shape row, int64_t count)
      : input_(std::move(input)), row_(std::move(row)), count_(count) {}
  int64_t rows() const override { return count_; }
  int64_t batch_rows() const override { return 3; }
  std::string digest() const override { return "d1d2"; }
  StatusOr<pass::Feeds> Batch(int64_t begin, int64_t end) const override {
    std::vector<float> values;
    for (int64_t r = begin; r < end; ++r) {
      const auto one = Normal(row_, static_cast<uint64_t>(r) + 1).ToFloats();
      values.insert(values.end(), one.begin(), one.end());
    }
    ir::Shape dims = {end - begin};
    dims.insert(dims.end(), row_.begin(), row_.end());
    return pass::Feeds{{input_, Floats(dims, values)}};
  }

 private:
  std::string input_;
  ir::Shape row_;
  int64_t count_;
};

// conv -> relu -> depthwise -> add (residual) -> pool -> flatten -> gemm
ir::Model Teacher() {
  ir::Model model = MakeModel(13);
  GraphBuilder(model.graph)
      .Input("x", {"N", "1", "6", "6"})
      .Init("w1", Normal({8, 1, 3, 3}, 1))
      .Init("b1", Normal({8}, 2))
      .Init("w2", Normal({8, 1, 3, 3}, 3))
      .Init("w3", Normal({10, 8}, 4))
      .Init("b3", Normal({10}, 5))
      .Node("Conv", {"x", "w1", "b1"}, {"c1"}, {Ints("pads", {1, 1, 1, 1})})
      .Node("Relu", {"c1"}, {"r1"})
      .Node("Conv", {"r1", "w2"}, {"c2"}, {Ints("pads", {1, 1, 1, 1}), Int("group", 8)})
      .Node("Add", {"c2", "r1"}, {"s"})
      .Node("GlobalAveragePool", {"s"}, {"p"})
      .Node("Flatten", {"p"}, {"f"})
      .Node("Gemm", {"f", "w3", "b3"}, {"y"}, {Attr("transB", int64_t{1})})
      .Output("y", ir::Type::TensorOf(ir::DType::kFloat,
                                      std::vector<ir::Dim>{{std::nullopt, "N", ""}, {10, "", ""}}));
  return model;
}

struct Ran {
  Status status;
  Sink sink;
  std::vector<pass::PassRecord> records;
};

Ran Export(const std::string& text, ir::Model& model, const Rows& rows) {
  Ran ran;
  auto pipeline = pass::Pipeline::Parse(text, AllPasses());
  if (!pipeline.ok()) {
    ran.status = pipeline.status();
    return ran;
  }
  ReferenceEvaluator evaluator;
  pass::Services services;
  services.evaluator = &evaluator;
  services.calibration = &rows;
  services.artifacts = &ran.sink;
  CollectingSink diagnostics;
  pass::ManagerOptions options;
  options.seed = 7;
  pass::PassManager manager(options);
  ran.status = manager.Run(*pipeline, model, services, diagnostics, NoProgress());
  ran.records = manager.records();
  return ran;
}

TEST(DistillExport, LogitsAreTheTeachers) {
  ir::Model model = Teacher();
  const Digest before = ir::StructuralHash(model);
  const Rows rows("x", {1, 6, 6}, 8);
  const Ran ran = Export("distill-export", model, rows);
  ASSERT_TRUE(ran.status.ok()) << Message(ran.status);
  EXPECT_EQ(ir::StructuralHash(model), before);
  const std::string& npy = ran.sink.files.at("distill/teacher/0_y.npy");
  EXPECT_THAT(npy.substr(0, 128),
              HasSubstr("'descr': '<f4', 'fortran_order': False, 'shape': (8, 10, )"));
  const size_t header = 10 + static_cast<uint8_t>(npy[8]) + 256u * static_cast<uint8_t>(npy[9]);
  EXPECT_EQ(header % 64, 0u);
  ASSERT_EQ(npy.size(), header + 8 * 10 * 4);
  // Row 5 (in the second batch) against a run of its own.
  ReferenceEvaluator evaluator;
  auto runner = evaluator.Prepare(model, {"y"});
  ASSERT_TRUE(runner.ok());
  const auto direct = (*runner)->Run(*rows.Batch(5, 6));
  ASSERT_TRUE(direct.ok()) << Message(direct.status());
  EXPECT_EQ(std::memcmp(npy.data() + header + 5 * 10 * 4, (*direct)[0].bytes().data(), 40), 0);
}

TEST(DistillExport, DescriptionNamesFilesByDigest) {
  ir::Model model = Teacher();
  const Rows rows("x", {1, 6, 6}, 8);
  const Ran ran = Export("distill-export{rows=4,temperature=2,alpha=0.7}", model, rows);
  ASSERT_TRUE(ran.status.ok()) << Message(ran.status);
  const auto train = ParseJson(ran.sink.files.at("distill/train.json"), "train.json");
  ASSERT_TRUE(train.ok());
  EXPECT_EQ((*train)["data"]["rows"], 4);
  EXPECT_EQ((*train)["data"]["sha256"], "d1d2");
  EXPECT_EQ((*train)["loss"]["T"], 2.0);
  EXPECT_EQ((*train)["loss"]["alpha"], 0.7);
  EXPECT_EQ((*train)["teacher"]["outputs"][0]["sha256"],
            Hex(Sha256(std::string_view(ran.sink.files.at("distill/teacher/0_y.npy")))));
  const ir::Model& student = ran.sink.models.at("distill/student.onnx");
  EXPECT_EQ((*train)["student"]["structural_sha256"], Hex(ir::StructuralHash(student)));
  EXPECT_EQ(ran.records.at(0).facts["train_json_sha256"],
            Hex(Sha256(std::string_view(ran.sink.files.at("distill/train.json")))));
  // Only results leave, never rows.
  EXPECT_EQ(ran.sink.files.size(), 2u);
}

TEST(DistillExport, SameSeedSameFiles) {
  ir::Model a = Teacher(), b = Teacher();
  const Rows rows("x", {1, 6, 6}, 5);
  const Ran first = Export("distill-export", a, rows), second = Export("distill-export", b, rows);
  EXPECT_EQ(first.sink.files, second.sink.files);
}

TEST(DistillStudent, IsNarrowRunsAndKeepsTheInterface) {
  const ir::Model teacher = Teacher();
  const auto student = distill::MakeStudent(teacher, {.width = 0.5, .seed = 1});
  ASSERT_TRUE(student.ok()) << Message(student.status());
  const auto dims = [&](const char* name) {
    return student->graph.value(student->graph.FindValue(name)).initializer->tensor.dims();
  };
  EXPECT_EQ(dims("w1"), (ir::Shape{4, 1, 3, 3}));
  EXPECT_EQ(dims("b1"), (ir::Shape{4}));
  EXPECT_EQ(dims("w2"),
            (ir::Shape{4, 1, 3, 3}));         // depthwise: tied to the first layer by the addition
  EXPECT_EQ(dims("w3"), (ir::Shape{10, 4}));  // ten classes stay
  EXPECT_EQ(dims("b3"), (ir::Shape{10}));
  ReferenceEvaluator evaluator;
  auto runner = evaluator.Prepare(*student, {"y"});
  ASSERT_TRUE(runner.ok());
  const auto result = (*runner)->Run(*Rows("x", {1, 6, 6}, 2).Batch(0, 2));
  ASSERT_TRUE(result.ok()) << Message(result.status());
  EXPECT_EQ((*result)[0].dims(), (ir::Shape{2, 10}));
  // Weights are drawn, not copied: their deviation is He's, sqrt(2 / 9) for w1.
  const auto weights =
      student->graph.value(student->graph.FindValue("w1")).initializer->tensor.ToDoubles();
  double squares = 0;
  for (const double w : weights) squares += w * w;
  EXPECT_NEAR(squares / static_cast<double>(weights.size()), 2.0 / 9, 0.15);
}

// What real exports do: a bias added as [C, 1, 1], a fixed [N, features] reshape, and channels that
// pass an op nobody follows (here a Pad), whose size then stays.
TEST(DistillStudent, FollowsReshapesAndKeepsWhatItDoesNotKnow) {
  ir::Model model = MakeModel(13);
  GraphBuilder(model.graph)
      .Input("x", {"2", "1", "4", "4"})
      .Init("w1", Normal({8, 1, 3, 3}, 1))
      .Init("bias", Normal({8, 1, 1}, 2))
      .Init("w2", Normal({6, 8, 1, 1}, 3))
      .Init("pads", ::assize::testing::Longs({0, 1, 0, 0, 0, 1, 0, 0}))
      .Init("w3", Normal({4, 8, 1, 1}, 4))
      .Init("shape", ::assize::testing::Longs({-1, 16}))
      .Init("w4", Normal({16, 3}, 5))
      .Node("Conv", {"x", "w1"}, {"c1"})
      .Node("Add", {"c1", "bias"}, {"a1"})
      .Node("Conv", {"a1", "w2"}, {"c2"})
      .Node("Pad", {"c2", "pads"}, {"p"})
      .Node("Conv", {"p", "w3"}, {"c3"})
      .Node("Reshape", {"c3", "shape"}, {"r"})
      .Node("MatMul", {"r", "w4"}, {"y"})
      .Output("y");
  const auto student = distill::MakeStudent(model, {.width = 0.5, .seed = 1});
  ASSERT_TRUE(student.ok()) << Message(student.status());
  const auto dims = [&](const char* name) {
    return student->graph.value(student->graph.FindValue(name)).initializer->tensor.dims();
  };
  EXPECT_EQ(dims("w1"), (ir::Shape{4, 1, 3, 3}));
  EXPECT_EQ(dims("bias"), (ir::Shape{4, 1, 1}));
  EXPECT_EQ(dims("w2"), (ir::Shape{6, 4, 1, 1}));
  EXPECT_EQ(dims("w3"), (ir::Shape{2, 8, 1, 1}));
  EXPECT_EQ(dims("w4"), (ir::Shape{8, 3}));
  ReferenceEvaluator evaluator;
  auto runner = evaluator.Prepare(*student, {"y"});
  ASSERT_TRUE(runner.ok());
  const auto result = (*runner)->Run(*Rows("x", {1, 4, 4}, 2).Batch(0, 2));
  ASSERT_TRUE(result.ok()) << Message(result.status());
  EXPECT_EQ((*result)[0].dims(), (ir::Shape{2, 3}));
}

TEST(DistillStudent, SaysWhatItCannotFollow) {
  ir::Model model = MakeModel(13);
  GraphBuilder(model.graph)
      .Input("x", {"N", "4", "6", "6"})
      .Init("w", Normal({8, 2, 3, 3}, 1))
      .Node("Conv", {"x", "w"}, {"y"}, {Int("group", 2)})
      .Output("y");
  const auto student = distill::MakeStudent(model, {});
  EXPECT_EQ(student.status().code(), StatusCode::kUnimplemented);
  EXPECT_THAT(Message(student.status()), HasSubstr("2 groups that are not depthwise"));
}

}  // namespace
}  // namespace assize::passes
