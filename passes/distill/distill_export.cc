// Exports what is needed to train a student elsewhere: the teacher's logits, the student, the loss,
// all digests.
//
//   distill/student.onnx            the teacher's layers, narrowed, with fresh weights
//   distill/teacher/<output>.npy    the teacher's results for each row, f32, rows in the dataset's
//   order distill/train.json              loss, data (by digest: no row leaves), files and their
//   SHA-256
//
//   loss = alpha * T^2 * KL(softmax(t / T) || softmax(s / T)) + (1 - alpha) * CE(softmax(s), label)
//
// Needs     an evaluator, calibration rows, a place for artifacts. float outputs with rows first.
// Numerics  the model is not changed.
// Not done  training; a student of another family.
// Source    Hinton et al. 2015, "Distilling the knowledge in a neural network", section 2.
// Tests     tests/passes/distill_export_test.cc
#include <algorithm>
#include <bit>
#include <cstring>

#include "lib/ir/hash.h"
#include "lib/pass/pass.h"
#include "lib/support/json.h"
#include "passes/distill/student.h"

namespace assize::passes {

using ir::Tensor;

namespace {

constexpr char kFolder[] = "distill/";

// NumPy's format 1.0: magic, version, header length, a dict, the elements in C order, little
// endian.
std::string NpyOf(const ir::Shape& dims, std::string_view floats) {
  static_assert(std::endian::native == std::endian::little);
  std::string shape;
  for (const int64_t dim : dims) shape += fmt::format("{}, ", dim);
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", shape);
  constexpr size_t kPreamble = 10, kAlign = 64;
  const size_t padded = (kPreamble + header.size() + 1 + kAlign - 1) / kAlign * kAlign;
  header.append(padded - kPreamble - header.size() - 1, ' ');
  header += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 0xff);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  out += floats;
  return out;
}

// File names of outputs: what is not a plain letter, digit, dot, dash or underscore becomes one.
std::string FileNameOf(const std::string& output, size_t index) {
  std::string name;
  for (const char c : output) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
    name += plain ? c : '_';
  }
  return fmt::format("teacher/{}_{}.npy", index, name);
}

}  // namespace

class DistillExport final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Exports teacher logits, a student and the loss, to train elsewhere",
            .options = {{.name = "rows",
                         .type = pass::OptionType::kInt,
                         .default_text = "0",
                         .summary = "rows that the teacher is asked; 0 is all of them",
                         .min = 0,
                         .max = 1e12,
                         .choices = {}},
                        {.name = "temperature",
                         .type = pass::OptionType::kNumber,
                         .default_text = "4",
                         .summary = "T of the loss: softens both distributions",
                         .min = 0.1,
                         .max = 100,
                         .choices = {}},
                        {.name = "alpha",
                         .type = pass::OptionType::kNumber,
                         .default_text = "0.9",
                         .summary = "weight of the teacher beside the labels",
                         .min = 0,
                         .max = 1,
                         .choices = {}},
                        {.name = "width",
                         .type = pass::OptionType::kNumber,
                         .default_text = "0.5",
                         .summary = "share of each layer's channels that the student keeps",
                         .min = 0.01,
                         .max = 1,
                         .choices = {}}},
            .needs_evaluator = true,
            .needs_calibration = true,
            .needs_artifacts = true};
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    AZ_ASSIGN_OR_RETURN(
        const ir::Model student,
        distill::MakeStudent(model, {.width = options().Number("width"), .seed = context.seed}));
    AZ_ASSIGN_OR_RETURN(Json outputs, ExportLogits(model, context));
    AZ_RETURN_IF_ERROR(
        context.services.artifacts->WriteModel(std::string(kFolder) + "student.onnx", student));

    const pass::Dataset& data = *context.services.calibration;
    Json train;
    train["format"] = "assize-distill/1";
    train["teacher"] = {{"structural_sha256", Hex(ir::StructuralHash(model))},
                        {"outputs", std::move(outputs)}};
    train["student"] = {
        {"file", "student.onnx"},
        {"structural_sha256", Hex(ir::StructuralHash(student))},
        {"width", options().Number("width")},
        {"initialization", "normal, variance 2 / fan-in; biases 0; normalizations the identity"},
        {"seed", context.seed}};
    train["data"] = {{"sha256", data.digest()},
                     {"rows", Rows(data)},
                     {"order", "as the dataset gives them, from row 0"}};
    train["loss"] = {
        {"formula",
         "alpha * T^2 * KL(softmax(teacher / T) || softmax(student / T)) + (1 - alpha) * "
         "CE(softmax(student), label)"},
        {"T", options().Number("temperature")},
        {"alpha", options().Number("alpha")},
        {"reduction", "mean over rows"}};
    const std::string text = DumpPrettyJson(train);
    AZ_RETURN_IF_ERROR(Write(context, "train.json", text));
    (*context.facts)["train_json_sha256"] = Hex(Sha256(std::string_view(text)));
    (*context.facts)["student_structural_sha256"] = Hex(ir::StructuralHash(student));
    return OkStatus();
  }

 private:
  int64_t Rows(const pass::Dataset& data) const {
    const int64_t wanted = options().Int("rows");
    return wanted == 0 ? data.rows() : std::min(wanted, data.rows());
  }

  static Status Write(pass::Context& context, const std::string& name, std::string_view bytes) {
    return context.services.artifacts->Write(kFolder + name, std::as_bytes(std::span(bytes)));
  }

  // Runs the teacher over the rows, one .npy for each output.
  StatusOr<Json> ExportLogits(const ir::Model& model, pass::Context& context) const {
    const pass::Dataset& data = *context.services.calibration;
    std::vector<std::string> names;
    for (const ir::ValueRef output : model.graph.outputs())
      names.push_back(model.graph.value(output).name);
    AZ_ASSIGN_OR_RETURN(const std::unique_ptr<pass::Runner> runner,
                        context.services.evaluator->Prepare(model, names));
    const int64_t rows = Rows(data);
    const int64_t step = std::max<int64_t>(1, data.batch_rows());
    std::vector<std::string> floats(names.size());
    std::vector<ir::Shape> dims(names.size());
    context.progress->Start("teacher logits", rows);
    for (int64_t begin = 0; begin < rows; begin += step) {
      AZ_RETURN_IF_ERROR(CheckInterrupted());
      const int64_t end = std::min(rows, begin + step);
      AZ_ASSIGN_OR_RETURN(const pass::Feeds feeds, data.Batch(begin, end));
      AZ_ASSIGN_OR_RETURN(const std::vector<Tensor> results, runner->Run(feeds));
      for (size_t i = 0; i < names.size(); ++i) {
        const Tensor& result = results[i];
        if (!ir::IsFloating(result.dtype()) || result.rank() < 1 ||
            result.dims()[0] != end - begin) {
          return InvalidArgument("output \"{}\" is {}, expected float rows [{}, ...]", names[i],
                                 result.TypeText(), end - begin);
        }
        const std::vector<float> values = result.ToFloats();
        floats[i].append(reinterpret_cast<const char*>(values.data()),
                         values.size() * sizeof(float));
        dims[i] = result.dims();
      }
      context.progress->Advance(end);
    }
    context.progress->Finish();
    Json outputs = Json::array();
    for (size_t i = 0; i < names.size(); ++i) {
      if (!dims[i].empty()) dims[i][0] = rows;
      const std::string file = FileNameOf(names[i], i);
      const std::string bytes = NpyOf(dims[i].empty() ? ir::Shape{0} : dims[i], floats[i]);
      AZ_RETURN_IF_ERROR(Write(context, file, bytes));
      outputs.push_back(
          {{"output", names[i]}, {"file", file}, {"sha256", Hex(Sha256(std::string_view(bytes)))}});
    }
    (*context.statistics)["rows"] += rows;
    return outputs;
  }
};

ASSIZE_DEFINE_PASS(DistillExport);

}  // namespace assize::passes
