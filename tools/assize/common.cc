// Printing and shared flags. Tests: tests/cli/.
#include "tools/assize/common.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace assize::cli {

bool HasColour(int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  return (no_color == nullptr || *no_color == '\0') && ::isatty(descriptor) == 1;
}

std::string Verdict(const std::string& text) {
  if (!HasColour(STDOUT_FILENO)) return text;
  const char* colour = text.starts_with("PASSED")   ? "\x1b[32m"
                       : text.starts_with("FAILED") ? "\x1b[31m"
                                                    : "\x1b[33m";
  return colour + text + "\x1b[0m";
}

Output::Output(const Settings& settings)
    : settings_(settings), progress_(MakeTerminalProgress(!settings.quiet)) {}

void Output::Write(const std::string& text) {
  for (size_t at = 0; at < text.size() && error_ == 0;) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data() + at, text.size() - at);
    if (written >= 0) {
      at += static_cast<size_t>(written);
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
}

void Output::Data(const std::string& text) {
  if (!settings_.json) Write(text);
}

void Output::Summary(const std::string& text) {
  if (!settings_.quiet) Data(text);
}

void Output::Document(const Json& json) {
  if (settings_.json) Write(DumpPrettyJson(json));
}

void Output::Bytes(const std::string& bytes) { Write(bytes); }

void Output::Note(const std::string& text) {
  if (!settings_.quiet) fmt::print(stderr, "{}\n", text);
}

void Output::Detail(const std::string& text) {
  if (settings_.verbose) fmt::print(stderr, "{}\n", text);
}

void Output::Findings(const std::vector<Diagnostic>& findings) {
  for (const Diagnostic& finding : findings) {
    std::string text = fmt::format("{}: {}: {} [{}]", SeverityName(finding.severity), finding.place,
                                   finding.message, finding.rule);
    for (const std::string& note : finding.notes) text += "\n  " + note;
    if (finding.severity == Severity::kNote) {
      Detail(text);
    } else {
      Note(text);
    }
  }
}

Status Output::Finish() {
  if (error_ == 0) return OkStatus();
  return Unavailable("standard output: cannot write: {}", std::strerror(error_));
}

bool Output::reader_is_gone() const { return error_ == EPIPE; }

Status AsUsage(const Status& status) {
  return status.ok() ? status : UsageError("{}", Message(status));
}

void AddDataFlags(CLI::App& app, DataFlags& flags, bool required) {
  app.add_option(
         "--data", flags.path,
         "samples ready to feed, rows first: arrays named as the inputs (or x), labels in y")
      ->type_name("FILE.npz")
      ->required(required);
  app.add_option("--input", flags.inputs,
                 "feed the model's input NAME from another array; may be repeated")
      ->type_name("NAME=ARRAY")
      ->allow_extra_args(false);
  app.add_option("--labels", flags.labels, "take the labels from another array than y")
      ->type_name("ARRAY");
}

StatusOr<flow::UserData> ToUserData(const DataFlags& flags) {
  flow::UserData data;
  data.path = flags.path;
  data.labels = flags.labels;
  if (flags.path.empty() && (!flags.inputs.empty() || !flags.labels.empty())) {
    return UsageError("--input and --labels name arrays of --data FILE.npz, which is missing");
  }
  for (const std::string& text : flags.inputs) {
    const size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return UsageError("--input: found \"{}\", expected NAME=ARRAY", text);
    }
    const std::string name = text.substr(0, equals);
    if (!data.inputs.emplace(name, text.substr(equals + 1)).second) {
      return UsageError("--input: the model's input \"{}\" is given twice", name);
    }
  }
  return data;
}

StatusOr<OutputFile> OutputFile::Open(const std::string& argument, const std::string& name,
                                      const Settings& settings) {
  OutputFile file;
  file.path_ = argument;
  if (argument != "-") return file;
  if (settings.json)
    return UsageError(
        "-o - puts the file on standard output, where --json puts its object: choose one");
  if (::isatty(STDOUT_FILENO) == 1)
    return UsageError("-o - would put a binary file on the terminal: use a pipe");
  const char* folder = std::getenv("TMPDIR");
  AZ_ASSIGN_OR_RETURN(
      file.folder_, StagingFolder::Create(folder != nullptr && *folder != '\0' ? folder : "/tmp"));
  file.path_ = JoinPath(file.folder_->path(), name);
  return file;
}

Status OutputFile::Deliver(Output& output) {
  if (!piped()) return OkStatus();
  AZ_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListFiles(folder_->path()));
  if (files.size() != 1) {
    return FailedPrecondition("{} files were made ({}), and a pipe takes one: name a file with -o",
                              files.size(), fmt::join(files, ", "));
  }
  AZ_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path_, UINT64_MAX));
  output.Bytes(bytes);
  return OkStatus();
}

Status PrintOptimized(const flow::OptimizeResult& result, OutputFile& file, Output& output) {
  output.Findings(result.diagnostics);
  for (const pass::PassRecord& record : result.records) {
    output.Detail(fmt::format("{}: {}, {} -> {} nodes, check {} {}", record.pass,
                              record.changed ? "changed" : "no change", record.nodes_before,
                              record.nodes_after, record.check.kind, record.check.outcome));
  }
  AZ_RETURN_IF_ERROR(file.Deliver(output));
  Json json = Json::object();
  json["output"] = file.path().empty() ? Json(nullptr) : Json(file.path());
  json["pipeline"] = result.pipeline;
  json["comparison"] = result.comparison.ToJson();
  json["passes"] = pass::RecordsToJson(result.records);
  json["artifacts"] = result.artifacts;
  output.Document(json);
  if (file.piped()) {
    if (!output.settings().quiet) fmt::print(stderr, "{}", result.comparison.ToText());
    return OkStatus();
  }
  output.Summary(result.comparison.ToText());
  if (!file.path().empty()) output.Summary(fmt::format("wrote    {}\n", file.path()));
  for (const std::string& artifact : result.artifacts)
    output.Summary(fmt::format("artifact {}\n", artifact));
  return OkStatus();
}

}  // namespace assize::cli
