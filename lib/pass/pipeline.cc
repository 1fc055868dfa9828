// Pipeline text: a hand-written scanner with columns, and the resolution of names against the
// registry. Tests: tests/pass/pipeline_test.cc.
#include "lib/pass/pipeline.h"

#include <algorithm>
#include <array>

#include "lib/support/suggest.h"

namespace assize::pass {
namespace {

// Folders whose name in a pipeline stands for all their passes in order: the ones that keep the
// function.
constexpr std::array<std::string_view, 2> kGroups = {"simplify", "fuse"};

bool IsGroup(std::string_view name) {
  return std::find(kGroups.begin(), kGroups.end(), name) != kGroups.end();
}

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::vector<std::string> KnownNames(const Registry& registry) {
  std::vector<std::string> names(kGroups.begin(), kGroups.end());
  for (const Registration& r : registry.all()) {
    if (r.folder != Folder::kTesting) names.push_back(r.flag);
  }
  return names;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  StatusOr<std::vector<std::pair<PipelineItem, size_t>>> Items() {
    std::vector<std::pair<PipelineItem, size_t>> items;
    SkipSpaces();
    if (AtEnd()) return Error("expected the name of a pass, found nothing");
    while (true) {
      SkipSpaces();
      const size_t column = at_ + 1;
      PipelineItem item;
      AZ_ASSIGN_OR_RETURN(item.name, Name("the name of a pass"));
      SkipSpaces();
      if (Take('{')) AZ_RETURN_IF_ERROR(OptionList(item));
      items.emplace_back(std::move(item), column);
      SkipSpaces();
      if (AtEnd()) return items;
      if (!Take(',')) return Error("expected \",\" or the end, found " + Found());
    }
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  void SkipSpaces() {
    while (!AtEnd() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool Take(char c) {
    if (AtEnd() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string Found() const {
    return AtEnd() ? std::string("the end") : fmt::format("\"{}\"", text_[at_]);
  }
  Status Error(const std::string& what) const {
    return UsageError("pipeline, column {}: {}", at_ + 1, what);
  }

  StatusOr<std::string> Name(const std::string& expected) {
    const size_t begin = at_;
    while (!AtEnd() && IsNameChar(text_[at_])) ++at_;
    if (at_ == begin) return Error("expected " + expected + ", found " + Found());
    return std::string(text_.substr(begin, at_ - begin));
  }

  Status OptionList(PipelineItem& item) {
    SkipSpaces();
    if (Take('}')) return OkStatus();
    while (true) {
      SkipSpaces();
      AZ_ASSIGN_OR_RETURN(std::string key, Name("the name of an option"));
      SkipSpaces();
      if (!Take('=')) return Error("expected \"=\" after \"" + key + "\", found " + Found());
      AZ_ASSIGN_OR_RETURN(std::string value, Value());
      item.options.emplace_back(std::move(key), std::move(value));
      SkipSpaces();
      if (Take('}')) return OkStatus();
      if (!Take(',')) return Error("expected \",\" or \"}\", found " + Found());
    }
  }

  StatusOr<std::string> Value() {
    SkipSpaces();
    std::string value;
    if (!Take('"')) {
      while (!AtEnd() && text_[at_] != ',' && text_[at_] != '}') {
        if (text_[at_] == '"' || text_[at_] == '{') {
          return Error("found " + Found() + " inside a value; quote the whole value");
        }
        value.push_back(text_[at_++]);
      }
      while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.pop_back();
      if (value.empty()) return Error("expected a value, found " + Found());
      return value;
    }
    while (!AtEnd() && text_[at_] != '"') {
      if (text_[at_] == '\\') {
        ++at_;
        if (AtEnd()) break;
        if (text_[at_] != '"' && text_[at_] != '\\') {
          return Error("unknown escape " + Found() + "; only \\\" and \\\\ are known");
        }
      }
      value.push_back(text_[at_++]);
    }
    if (!Take('"')) return Error("unterminated quoted value");
    return value;
  }

  std::string_view text_;
  size_t at_ = 0;
};

// Quoted unless the scanner would read the bare text as the same value.
std::string ValueText(const std::string& value) {
  const bool bare = !value.empty() && value.find_first_of(",}{\"\\ \t") == std::string::npos;
  if (bare) return value;
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text.push_back('\\');
    text.push_back(c);
  }
  return text + "\"";
}

StatusOr<Pipeline::Stage> MakeStage(const Registration& registration,
                                    const std::vector<std::pair<std::string, std::string>>& given) {
  Pipeline::Stage stage;
  stage.registration = &registration;
  const Descriptor descriptor = registration.create()->Describe();
  AZ_ASSIGN_OR_RETURN(stage.options, Options::Parse(registration.flag, descriptor.options, given));
  return stage;
}

Status AddStages(const PipelineItem& item, const Registry& registry,
                 std::vector<Pipeline::Stage>& stages) {
  if (const Registration* registration = registry.Find(item.name)) {
    AZ_ASSIGN_OR_RETURN(Pipeline::Stage stage, MakeStage(*registration, item.options));
    stages.push_back(std::move(stage));
    return OkStatus();
  }
  if (!IsGroup(item.name)) {
    return UsageError("unknown pass \"{}\"{}; `assize list passes` shows them all", item.name,
                      DidYouMean(item.name, KnownNames(registry)));
  }
  if (!item.options.empty()) {
    return UsageError("{}: a group takes no options, found \"{}\"; name the pass it is for",
                      item.name, item.options.front().first);
  }
  for (const std::string& flag : registry.Group(item.name)) {
    AZ_ASSIGN_OR_RETURN(Pipeline::Stage stage, MakeStage(*registry.Find(flag), {}));
    stages.push_back(std::move(stage));
  }
  return OkStatus();
}

}  // namespace

StatusOr<Pipeline> Pipeline::Parse(std::string_view text, const Registry& registry) {
  Scanner scanner(text);
  AZ_ASSIGN_OR_RETURN(auto scanned, scanner.Items());
  Pipeline pipeline;
  for (auto& [item, column] : scanned) {
    if (const Status status = AddStages(item, registry, pipeline.stages_); !status.ok()) {
      return Annotate(status, fmt::format("pipeline, column {}", column));
    }
    pipeline.items_.push_back(std::move(item));
  }
  return pipeline;
}

StatusOr<Pipeline> Pipeline::FromItems(const std::vector<PipelineItem>& items,
                                       const Registry& registry) {
  Pipeline pipeline;
  for (const PipelineItem& item : items) {
    AZ_RETURN_IF_ERROR(AddStages(item, registry, pipeline.stages_));
    pipeline.items_.push_back(item);
  }
  return pipeline;
}

std::string ItemText(const PipelineItem& item) {
  if (item.options.empty()) return item.name;
  std::string text = item.name + "{";
  for (size_t i = 0; i < item.options.size(); ++i) {
    if (i > 0) text.push_back(',');
    text += item.options[i].first + "=" + ValueText(item.options[i].second);
  }
  return text + "}";
}

std::string Pipeline::Text() const {
  std::string text;
  for (const PipelineItem& item : items_) {
    if (!text.empty()) text.push_back(',');
    text += ItemText(item);
  }
  return text;
}

bool Pipeline::NeedsCalibration() const {
  return std::any_of(stages_.begin(), stages_.end(), [](const Stage& stage) {
    return stage.registration->create()->Describe().needs_calibration;
  });
}

}  // namespace assize::pass
