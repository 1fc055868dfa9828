// Real models on real rows: the engine against ONNX Runtime, in float and quantized by its tools:
// QDQ ("int8"), in operators ("operators"), and with ranges found at run time ("dynamic").
// Skipped, with the reason, where ../shared or the oracles are not there; with CI=true that is a
// failure.
#include "lib/onnx/onnx.h"
#include "tests/engine/ort_oracle.h"
#include "tests/engine/testing.h"

namespace assize::engine {
namespace {

struct Case {
  std::string set;
  int rows;
  std::string form = "";  // float
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.set << (c.form.empty() ? "" : "_") << c.form;
}

using Models = OrtOracle<Case>;

TEST_P(Models, AgreeWithOnnxRuntime) {
  const Case& c = GetParam();
  const std::string folder = Asked("ort_oracle.py", "", c.set + " " + std::to_string(c.rows),
                                   c.form.empty() ? "" : " --" + c.form);
  ASSERT_FALSE(HasFailure());
  std::ifstream shapes(folder + "/shapes.txt");
  std::string x_line, y_line, input;
  int correct = 0, fixed = 0;
  std::getline(shapes, x_line);
  std::getline(shapes, y_line);
  shapes >> correct >> input >> fixed;
  const ir::Shape x_dims = ReadDims(x_line), y_dims = ReadDims(y_line);
  const std::vector<float> x = ReadFloats(folder + "/x.f32"), want = ReadFloats(folder + "/y.f32");
  ASSERT_FALSE(x.empty());

  const auto imported = onnx::ImportFile(folder + "/model.onnx");
  ASSERT_TRUE(imported.ok()) << imported.status();
  const auto program = Compile(imported->model);
  ASSERT_TRUE(program.ok()) << program.status();
  int slow = 0;
  for (const StepInfo& step : Describe(**program)) slow += step.kernel == "reference";
  EXPECT_EQ(slow, 0) << "steps that fell back to the reference";
  Session session(*program);
  std::vector<float> got;
  const size_t row = x.size() / static_cast<size_t>(x_dims[0]);
  const int64_t batch = fixed != 0 ? 1 : x_dims[0];
  for (int64_t begin = 0; begin < x_dims[0]; begin += batch) {
    ir::Shape shape = x_dims;
    shape[0] = batch;
    const auto at = x.begin() + begin * static_cast<int64_t>(row);
    const auto result = session.Run(
        {{input, ir::Tensor::Of<float>(shape, {at, at + batch * static_cast<int64_t>(row)})}});
    ASSERT_TRUE(result.ok()) << result.status();
    const auto values = (*result)[0].data<float>();
    got.insert(got.end(), values.begin(), values.end());
  }
  ASSERT_EQ(got.size(), want.size());
  double difference = 0, magnitude = 0;
  int64_t agree = 0;
  const size_t classes = static_cast<size_t>(y_dims[1]);
  for (size_t i = 0; i < got.size(); i += classes) {
    for (size_t k = i; k < i + classes; ++k) {
      difference = std::max(difference, std::fabs(static_cast<double>(got[k]) - want[k]));
      magnitude = std::max(magnitude, std::fabs(static_cast<double>(want[k])));
    }
    const auto top = [&](const std::vector<float>& v) {
      const auto begin = v.begin() + static_cast<int64_t>(i);
      return std::max_element(begin, begin + static_cast<int64_t>(classes)) - begin;
    };
    // Quantized logits may tie: then the winner says nothing.
    std::vector<float> sorted(want.begin() + static_cast<int64_t>(i),
                              want.begin() + static_cast<int64_t>(i + classes));
    std::sort(sorted.begin(), sorted.end());
    agree += top(got) == top(want) || sorted[classes - 1] == sorted[classes - 2];
  }
  const double share = static_cast<double>(agree) / static_cast<double>(y_dims[0]);
  RecordProperty("largest_relative_difference", std::to_string(difference / magnitude));
  RecordProperty("top1_agreement", std::to_string(share));
  // ONNX Runtime's own integer kernels leave its QDQ definition on 0.7 % of resnet20's rows, near
  // ties in between.
  EXPECT_GE(share, c.form.empty() ? 1.0 : 0.99) << agree << " of " << y_dims[0];
  if (c.form.empty()) {
    EXPECT_LE(difference / magnitude, 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Data, Models,
    testing::Values(Case{"mnist", 300}, Case{"resnet20", 200}, Case{"resnet56", 60},
                    Case{"winml", 200}, Case{"kws", 200}, Case{"pneumonia", 200}, Case{"wdbc", 200},
                    Case{"fashion", 300}, Case{"resnet20", 400, "int8"}, Case{"winml", 400, "int8"},
                    Case{"kws", 200, "int8"}, Case{"pneumonia", 300, "int8"},
                    Case{"wdbc", 200, "int8"}, Case{"fashion", 400, "int8"},
                    Case{"resnet20", 400, "operators"}, Case{"kws", 200, "operators"},
                    Case{"wdbc", 200, "operators"}, Case{"resnet20", 200, "dynamic"},
                    Case{"wdbc", 200, "dynamic"}),
    [](const auto& c) {
      std::ostringstream name;
      name << c.param;
      return name.str();
    });

}  // namespace
}  // namespace assize::engine
