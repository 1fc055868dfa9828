// Does a data set fit a model's inputs? If not, what would make it fit. Tests:
// tests/data/feed_check_test.cc.
#include <algorithm>

#include "lib/data/dataset.h"

namespace assize::data {
namespace {

std::string WantedText(const WantedInput& wanted) {
  if (wanted.unknown_shape) return wanted.dtype;
  std::vector<std::string> dims;
  for (size_t i = 0; i < wanted.dims.size(); ++i) {
    const std::string name = i < wanted.dim_names.size() ? wanted.dim_names[i] : "";
    if (wanted.dims[i] >= 0) {
      dims.push_back(fmt::format("{}", wanted.dims[i]));
    } else if (i == 0) {
      dims.push_back("N");  // the rows, whatever the model calls them
    } else {
      dims.push_back(name.empty() ? "?" : name);
    }
  }
  return fmt::format("{} [{}]", wanted.dtype, fmt::join(dims, ","));
}

bool RowFits(const std::vector<int64_t>& row_shape, const WantedInput& wanted) {
  if (wanted.unknown_shape) return true;
  if (wanted.dims.size() != row_shape.size() + 1) return false;
  for (size_t i = 0; i < row_shape.size(); ++i) {
    if (wanted.dims[i + 1] >= 0 && wanted.dims[i + 1] != row_shape[i]) return false;
  }
  return true;
}

// "layout HW->NCHW" or "reshape [1,49,10]" when one of them makes the row fit; empty otherwise.
std::string SuggestShape(const Dataset::Input& input, const WantedInput& wanted) {
  // In the order in which images, series and volumes are usually stored.
  static constexpr const char* kLayouts[] = {
      "HW->NCHW", "HW->NHWC", "HWC->NCHW",  "CHW->NHWC",  "L->NCL",      "L->NLC",
      "LC->NCL",  "CL->NLC",  "DHW->NCDHW", "DHW->NDHWC", "DHWC->NCDHW", "CDHW->NDHWC",
  };
  for (const char* layout : kLayouts) {
    Preprocessing trial = input.preprocessing;
    trial.layout = layout;
    const StatusOr<FeedType> type = PreprocessedType(trial, input.raw.dtype, input.raw.shape);
    if (type.ok() && RowFits(type->row_shape, wanted)) return std::string("layout ") + layout;
  }
  Preprocessing trial;
  bool open = false;
  for (size_t i = 1; i < wanted.dims.size(); ++i) {
    if (wanted.dims[i] < 0 && open) return "";
    open = open || wanted.dims[i] < 0;
    trial.reshape.push_back(wanted.dims[i] < 0 ? -1 : wanted.dims[i]);
  }
  if (trial.reshape.empty()) return "";
  const StatusOr<FeedType> type = PreprocessedType(trial, input.raw.dtype, input.raw.shape);
  if (!type.ok() || !RowFits(type->row_shape, wanted)) return "";
  return "reshape " + ShapeText(trial.reshape);
}

std::string SuggestDType(const Dataset::Input& input, const std::string& wanted) {
  const StatusOr<DType> dtype = ParseDType(wanted);
  if (!dtype.ok()) return "";
  if (IsFloat(*dtype) && !input.preprocessing.ChangesValues()) {
    if (input.raw.dtype == DType::kU8) return "scale 1/255";
    if (input.raw.dtype == DType::kU16) return "scale 1/65535";
    if (input.raw.dtype == DType::kI8) return "zero_point and scale of the stored values";
  }
  return fmt::format("dtype {}", wanted);
}

}  // namespace

Status CheckFeed(const Dataset& dataset, std::span<const WantedInput> wanted) {
  std::vector<std::string> findings;
  for (const WantedInput& want : wanted) {
    const auto found =
        std::find_if(dataset.inputs().begin(), dataset.inputs().end(),
                     [&](const Dataset::Input& input) { return input.input == want.name; });
    if (found == dataset.inputs().end()) {
      findings.push_back(
          fmt::format("no array for input \"{}\", which wants {}", want.name, WantedText(want)));
      continue;
    }
    AZ_ASSIGN_OR_RETURN(const FeedType type, dataset.TypeOf(*found));
    const bool shape_fits = RowFits(type.row_shape, want);
    const bool dtype_fits = want.dtype == DTypeName(type.dtype);
    if (shape_fits && dtype_fits) continue;
    std::string text = fmt::format("{}: {}", found->array, found->raw.ToString());
    if (!found->preprocessing.empty()) {
      std::vector<int64_t> shape = {found->raw.rows()};
      shape.insert(shape.end(), type.row_shape.begin(), type.row_shape.end());
      text += fmt::format(" becomes {} {} by {}", DTypeName(type.dtype), ShapeText(shape),
                          found->preprocessing.ToText());
    }
    text += fmt::format(", input \"{}\" wants {}", want.name, WantedText(want));
    std::vector<std::string> tries;
    if (!shape_fits) tries.push_back(SuggestShape(*found, want));
    if (!dtype_fits) tries.push_back(SuggestDType(*found, want.dtype));
    std::erase(tries, "");
    if (!shape_fits && !want.unknown_shape && want.dims.empty()) {
      text += ": a scalar input has no dimension for rows";
    } else if (!tries.empty()) {
      text += fmt::format("; try {}", fmt::join(tries, ", "));
    }
    findings.push_back(std::move(text));
  }
  if (findings.empty()) return OkStatus();
  return InvalidArgument("{}", fmt::join(findings, "; "));
}

}  // namespace assize::data
